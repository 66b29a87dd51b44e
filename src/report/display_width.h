#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace isthmus {

// Columns that UTF-8 text takes on a terminal: 2 for East Asian wide characters and emoji, 0 for
// combining marks and control characters, 1 for others. An invalid byte counts as one column.
std::size_t display_width(std::string_view text);

// The text with spaces behind (or before) it to `width` columns; longer text is left as it is.
std::string pad_right(std::string_view text, std::size_t width);
std::string pad_left(std::string_view text, std::size_t width);

}  // namespace isthmus
