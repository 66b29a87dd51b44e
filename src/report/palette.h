#pragma once

#include <cstdint>
#include <string>

namespace isthmus {

// Colors that color-blind readers tell apart (Okabe and Ito, 2008), lighter on a dark ground. In a
// picture a color is a CSS variable, so that one page follows the reader's light or dark setting.
enum class Color : std::uint8_t {
  kBlue,
  kOrange,
  kGreen,
  kVermilion,
  kSky,
  kPurple,
  kYellow,
  kGray,
};
inline constexpr int kColors = 8;

// "var(--c0)", ...
std::string css(Color color);
// The `index`-th of a list of things without colors of their own.
Color color_at(std::size_t index);

// The definitions of all variables: light, dark (prefers-color-scheme), and always light in print;
// besides --ink, --faint, --line, --paper, --panel. `root` is the CSS selector that they hold for.
std::string palette_css(const std::string& root);

}  // namespace isthmus
