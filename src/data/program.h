#pragma once

#include <functional>
#include <string>
#include <vector>

namespace isthmus {

struct ProgramResult {
  int exit_code = 0;
  // What it wrote to stderr, at most the last 2000 characters, without the newline at the end.
  std::string complaint;
};

// Runs another program to its end, with its stdout and stdin closed. `tick` is called several times
// a second meanwhile; if it throws, the program is ended and the exception goes on. Throws
// Error{kUnavailable} if there is no such program.
ProgramResult run_program(const std::vector<std::string>& arguments,
                          const std::function<void()>& tick = {});

}  // namespace isthmus
