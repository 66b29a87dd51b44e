#include "serve/part_meter.h"

#include <algorithm>
#include <vector>

#include "core/statistics.h"

namespace isthmus {

void PartMeter::arrived(std::size_t waiting) {
  const std::lock_guard lock(mutex_);
  ++counts_.waiting[std::min(waiting, PartStatistics::kWaiting - 1)];
}

void PartMeter::ran(Seconds run, Seconds busy) {
  const std::lock_guard lock(mutex_);
  ++counts_.runs;
  last_.push_back({run, busy});
  if (last_.size() > kRememberedRuns) last_.pop_front();
}

PartStatistics PartMeter::statistics() const {
  std::vector<double> runs;
  std::vector<double> busy;
  PartStatistics result;
  {
    const std::lock_guard lock(mutex_);
    result = counts_;
    for (const Run& each : last_) {
      runs.push_back(each.run.count());
      busy.push_back(each.busy.count());
    }
  }
  if (runs.empty()) return result;
  result.mean = Seconds{mean(runs)};
  result.p50 = Seconds{quantile(runs, 0.5)};
  result.p95 = Seconds{quantile(runs, 0.95)};
  result.busy = Seconds{mean(busy)};
  return result;
}

}  // namespace isthmus
