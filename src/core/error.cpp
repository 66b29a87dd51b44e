#include "core/error.h"

namespace isthmus {

int exit_code(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kInvalid:
    case ErrorKind::kNotFound:
    case ErrorKind::kUnsupported: return 2;
    case ErrorKind::kInterrupted: return 130;
    case ErrorKind::kIo:
    case ErrorKind::kUnavailable: return 1;
  }
  return 1;
}

}  // namespace isthmus
