#pragma once

#include <string>

#include "core/progress.h"

namespace isthmus {

// Draws a bar on stderr from the third second on, if that is a terminal; checks for Ctrl-C at every
// call either way (throws Error{kInterrupted}). The bar is gone when the work is done.
Progress progress_bar(const std::string& title);

}  // namespace isthmus
