#pragma once

#include <cstddef>
#include <deque>
#include <mutex>

#include "core/clock.h"
#include "plan/replanning.h"

namespace isthmus {

// Quantiles are those of so many runs.
inline constexpr std::size_t kRememberedRuns = 128;

// Measures one part of one deployment while frames flow. Thread-safe.
class PartMeter {
 public:
  // A frame is ready to run while so many others wait.
  void arrived(std::size_t waiting);
  // A frame ran, alone or with others: the engine took `run`, and the whole `busy` for each frame.
  void ran(Seconds run, Seconds busy);

  PartStatistics statistics() const;

 private:
  struct Run {
    Seconds run{0};
    Seconds busy{0};
  };
  mutable std::mutex mutex_;
  PartStatistics counts_;
  std::deque<Run> last_;
};

}  // namespace isthmus
