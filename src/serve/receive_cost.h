#pragma once

#include <cstddef>

#include "core/clock.h"

namespace isthmus {

// CPU time of taking a message with so large a payload off the stream, on this machine: a little,
// and a copy into memory that is in use already (measured once). Into fresh memory that takes up to
// twenty times as long on a virtual machine, whose host gives each page when it is first touched.
Seconds least_receive_time(std::size_t payload_bytes);

}  // namespace isthmus
