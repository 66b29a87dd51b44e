#pragma once

#include <string_view>

namespace isthmus {

inline constexpr std::string_view kVersion = "0.1.0";
// What agents and sources speak to each other; both must have the same.
inline constexpr int kProtocolVersion = 2;

}  // namespace isthmus
