#pragma once

#include <cstdint>
#include <functional>

#include "core/progress.h"

namespace isthmus {

// Takes each of 0..count-1 once, `threads` at a time, in no order of its own. Every thread makes
// itself a worker first, with what threads cannot share. `progress` is called by one thread at a
// time, after each. When one throws, no other index is begun, and the first error is thrown here
// once all threads have ended.
using IndexWorker = std::function<void(std::int64_t)>;
void for_each_index(std::int64_t count, int threads,
                    const std::function<IndexWorker()>& make_worker, const Progress& progress = {});

}  // namespace isthmus
