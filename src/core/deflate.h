#pragma once

#include <cstddef>
#include <span>

namespace isthmus {

// Bytes that `data` takes in a Zip file's usual compression (DEFLATE at level 6, RFC 1951, with
// zlib's 6 bytes around it): the measure of paper 0, Fig. 1. Throws Error{kInvalid} past 4 GB.
std::size_t deflated_size(std::span<const std::byte> data);

}  // namespace isthmus
