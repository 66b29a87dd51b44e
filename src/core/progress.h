#pragma once

#include <cstdint>
#include <functional>

namespace isthmus {

// Called by long work with what is done and what there is in all; may throw Error{kInterrupted} to
// stop it. Library code never prints: the CLI draws a bar from this.
using Progress = std::function<void(std::int64_t done, std::int64_t total)>;

}  // namespace isthmus
