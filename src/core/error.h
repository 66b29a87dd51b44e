#pragma once

#include <stdexcept>
#include <string>

namespace isthmus {

enum class ErrorKind {
  // The caller's input is wrong: a file, an option, a name, a shape.
  kInvalid,
  // What was named does not exist.
  kNotFound,
  // The input is well formed, but this program cannot do that with it.
  kUnsupported,
  // The disk or the operating system refused.
  kIo,
  // Another machine is gone, late, or speaks another version.
  kUnavailable,
  // Ctrl-C, or a stop asked for by another thread.
  kInterrupted,
};

// Something that the user can understand and mend. The message is one line that names the thing
// and, where there is one, the way out. Bugs are asserts, never Errors.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}

  ErrorKind kind() const { return kind_; }

 private:
  ErrorKind kind_;
};

// Exit code of a program that ends with this error: 2 where the user can mend it (kInvalid,
// kNotFound, kUnsupported), 1 for a failure, 130 after an interrupt.
int exit_code(ErrorKind kind);

}  // namespace isthmus
