#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace isthmus {

// SHA-256 (FIPS 180-4) as 64 lower-case hexadecimal digits.
std::string sha256(std::span<const std::byte> data);
std::string sha256(std::string_view data);

}  // namespace isthmus
