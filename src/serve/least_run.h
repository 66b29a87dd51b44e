#pragma once

#include <algorithm>
#include <cstddef>
#include <map>
#include <mutex>

#include "core/clock.h"

namespace isthmus {

// The least CPU time that a run of a part was seen to take, by the number of frames in it: what it
// takes with warm caches. A machine that waits between frames finds its caches cold, which can make
// a run five times as long; an emulated machine multiplies what the part takes, not that.
// Thread-safe.
class LeastRun {
 public:
  // Whether enough runs were seen for the least to mean something.
  bool is_warm(std::size_t frames) const {
    const std::lock_guard lock(mutex_);
    const auto found = seen_.find(frames);
    return found != seen_.end() && found->second.is_warm();
  }

  // Whether runs were seen at several moments after that, too: other work may last as long as those
  // that made it warm, which come one right after the other.
  bool is_settled(std::size_t frames) const {
    const std::lock_guard lock(mutex_);
    const auto found = seen_.find(frames);
    return found != seen_.end() && found->second.later >= kLaterRuns;
  }

  // Seconds::max() before the first run.
  Seconds of(std::size_t frames) const {
    const std::lock_guard lock(mutex_);
    const auto found = seen_.find(frames);
    return found == seen_.end() ? Seconds::max() : found->second.least;
  }

  void add(std::size_t frames, Seconds cpu) {
    const std::lock_guard lock(mutex_);
    Seen& seen = seen_[frames];
    seen.later += seen.is_warm() ? 1 : 0;
    ++seen.runs;
    seen.all += cpu;
    seen.least = std::min(seen.least, cpu);
  }

 private:
  // Of short runs many are needed; long ones waver less. (Of runs of a millisecond the least of 12
  // was up to a tenth above that of 40.)
  static constexpr int kManyRuns = 12;
  static constexpr Seconds kShortTime{0.05};
  static constexpr int kFewRuns = 4;
  static constexpr Seconds kLongTime{0.5};
  static constexpr int kLaterRuns = 8;

  struct Seen {
    bool is_warm() const {
      return (runs >= kManyRuns && all >= kShortTime) || (runs >= kFewRuns && all >= kLongTime);
    }

    int runs = 0;
    // Of them those that came when it was warm.
    int later = 0;
    Seconds all{0};
    Seconds least = Seconds::max();
  };

  mutable std::mutex mutex_;
  std::map<std::size_t, Seen> seen_;
};

}  // namespace isthmus
