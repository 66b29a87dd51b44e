#pragma once

#include <c10/util/Exception.h>

#include <string>

namespace isthmus {

// Private to train/: what libtorch says, without the trace of calls behind it.
inline std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }
inline std::string first_line(const c10::Error& error) {
  return first_line(std::string(error.what_without_backtrace()));
}

}  // namespace isthmus
