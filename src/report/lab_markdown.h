#pragma once

#include <string>

#include "core/results.h"

namespace isthmus {

// A lab's results for a README: for each network a pipe table of strategies by links with the
// median from capture to output and the bytes of a frame, the fastest strategy of each link (the
// winner by latency) in bold, and the notes.
std::string lab_markdown(const LabResults& results);

}  // namespace isthmus
