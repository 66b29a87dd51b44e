#include "report/display_width.h"

#include <algorithm>
#include <cstdint>
#include <span>

namespace isthmus {

namespace {

struct Range {
  char32_t first, last;
};

// Combining marks, zero-width characters and variation selectors (Unicode 15, the common blocks).
constexpr Range kZeroWidth[] = {
    {0x0000, 0x001F}, {0x007F, 0x009F},  {0x0300, 0x036F}, {0x0483, 0x0489}, {0x0591, 0x05BD},
    {0x0610, 0x061A}, {0x064B, 0x065F},  {0x0E31, 0x0E31}, {0x0E34, 0x0E3A}, {0x1AB0, 0x1AFF},
    {0x1DC0, 0x1DFF}, {0x200B, 0x200F},  {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F},
    {0xFEFF, 0xFEFF}, {0xE0100, 0xE01EF}};
// East Asian Width W and F, and emoji.
constexpr Range kWide[] = {
    {0x1100, 0x115F},   {0x231A, 0x231B},   {0x2E80, 0x303E},   {0x3041, 0x33FF},
    {0x3400, 0x4DBF},   {0x4E00, 0x9FFF},   {0xA000, 0xA4CF},   {0xAC00, 0xD7A3},
    {0xF900, 0xFAFF},   {0xFE30, 0xFE4F},   {0xFF00, 0xFF60},   {0xFFE0, 0xFFE6},
    {0x1F300, 0x1F64F}, {0x1F680, 0x1F6FF}, {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD}};

bool contains(std::span<const Range> ranges, char32_t code) {
  return std::ranges::any_of(
      ranges, [=](const Range& range) { return range.first <= code && code <= range.last; });
}

// Takes one code point off the front; a byte that begins none stands for itself.
char32_t next_code_point(std::string_view& text) {
  const auto lead = static_cast<std::uint8_t>(text[0]);
  const std::size_t length = lead < 0x80   ? 1
                             : lead < 0xC2 ? 0
                             : lead < 0xE0 ? 2
                             : lead < 0xF0 ? 3
                             : lead < 0xF5 ? 4
                                           : 0;
  const bool whole = length > 1 && length <= text.size() &&
                     std::all_of(text.begin() + 1, text.begin() + static_cast<long>(length),
                                 [](char c) { return (c & 0xC0) == 0x80; });
  if (!whole) {
    text.remove_prefix(1);
    return lead < 0x80 ? lead : U'\uFFFD';
  }
  char32_t code = lead & (0xFF >> (length + 1));
  for (std::size_t i = 1; i < length; ++i)
    code = code << 6 | (static_cast<char32_t>(text[i]) & 0x3F);
  text.remove_prefix(length);
  return code;
}

}  // namespace

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    const char32_t code = next_code_point(text);
    if (!contains(kZeroWidth, code)) width += contains(kWide, code) ? 2 : 1;
  }
  return width;
}

std::string pad_right(std::string_view text, std::size_t width) {
  const std::size_t used = display_width(text);
  return std::string(text) + std::string(width > used ? width - used : 0, ' ');
}

std::string pad_left(std::string_view text, std::size_t width) {
  const std::size_t used = display_width(text);
  return std::string(width > used ? width - used : 0, ' ') + std::string(text);
}

}  // namespace isthmus
