#include "core/clock.h"

#include <algorithm>
#include <ctime>
#include <thread>

namespace isthmus {
namespace {

Seconds read_clock(clockid_t id) {
  timespec time{};
  clock_gettime(id, &time);
  return Seconds{static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec)};
}

}  // namespace

Seconds SystemClock::now() const { return read_clock(CLOCK_MONOTONIC); }

void SystemClock::sleep_until(Seconds when) {
  const Seconds left = when - now();
  if (left > Seconds{0}) std::this_thread::sleep_for(left);
}

Clock& system_clock() {
  static SystemClock clock;
  return clock;
}

Seconds ManualClock::now() const {
  const std::lock_guard lock(mutex_);
  return now_;
}

void ManualClock::sleep_until(Seconds when) {
  const std::lock_guard lock(mutex_);
  now_ = std::max(now_, when);
}

void ManualClock::advance(Seconds duration) {
  const std::lock_guard lock(mutex_);
  now_ += duration;
}

std::string utc_date() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[16];
  std::strftime(text, sizeof text, "%Y-%m-%d", &parts);
  return text;
}

Seconds thread_cpu_time() { return read_clock(CLOCK_THREAD_CPUTIME_ID); }

Seconds process_cpu_time() { return read_clock(CLOCK_PROCESS_CPUTIME_ID); }

}  // namespace isthmus
