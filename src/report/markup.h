#pragma once

#include <string>
#include <string_view>

namespace isthmus {

// Text for the inside of an HTML or SVG element or quoted attribute. Control characters that XML
// forbids are left out.
std::string escape_markup(std::string_view text);

}  // namespace isthmus
