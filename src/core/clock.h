#pragma once

#include <chrono>
#include <mutex>
#include <string>

namespace isthmus {

using Seconds = std::chrono::duration<double>;

// Where time comes from. Everything that waits or measures asks a Clock, so that tests replace it.
class Clock {
 public:
  virtual ~Clock() = default;

  // Monotonic, from an arbitrary origin.
  virtual Seconds now() const = 0;
  // Returns at once if `when` has passed.
  virtual void sleep_until(Seconds when) = 0;
  void sleep_for(Seconds duration) { sleep_until(now() + duration); }
};

// The machine's monotonic clock.
class SystemClock final : public Clock {
 public:
  Seconds now() const override;
  void sleep_until(Seconds when) override;
};

// The process-wide SystemClock.
Clock& system_clock();

// A clock that stands still until told otherwise: sleeping moves it forward at once. Thread-safe.
class ManualClock final : public Clock {
 public:
  Seconds now() const override;
  void sleep_until(Seconds when) override;
  void advance(Seconds duration);

 private:
  mutable std::mutex mutex_;
  Seconds now_{0};
};

// Today, "2026-11-21", UTC.
std::string utc_date();

// CPU time that the calling thread / the whole process has used.
Seconds thread_cpu_time();
Seconds process_cpu_time();

}  // namespace isthmus
