#include "report/palette.h"

#include <array>

#include <fmt/format.h>

namespace isthmus {

namespace {

struct Theme {
  std::array<const char*, kColors> colors;
  const char *ink, *faint, *line, *paper, *panel;
};

constexpr Theme kLight = {
    {"#0072b2", "#e69f00", "#009e73", "#d55e00", "#56b4e9", "#b5679a", "#d8c400", "#8a8f98"},
    "#1b1f24",
    "#5b636e",
    "#d9dde3",
    "#ffffff",
    "#f5f6f8"};
constexpr Theme kDark = {
    {"#4aa3df", "#f0b43c", "#35c59b", "#f08449", "#8fd0f5", "#dd98c4", "#f2e45c", "#8d96a3"},
    "#e7eaee",
    "#a4acb8",
    "#363c46",
    "#14171b",
    "#1d2127"};

std::string variables(const Theme& theme) {
  std::string css;
  for (std::size_t i = 0; i < theme.colors.size(); ++i)
    css += fmt::format("--c{}:{};", i, theme.colors[i]);
  return css + fmt::format("--ink:{};--faint:{};--line:{};--paper:{};--panel:{};", theme.ink,
                           theme.faint, theme.line, theme.paper, theme.panel);
}

}  // namespace

std::string css(Color color) { return fmt::format("var(--c{})", static_cast<int>(color)); }

Color color_at(std::size_t index) { return static_cast<Color>(index % kColors); }

std::string palette_css(const std::string& root) {
  return fmt::format(
      "{0}{{color-scheme:light dark;{1}}}\n"
      "@media screen and (prefers-color-scheme:dark){{{0}{{{2}}}}}\n",
      root, variables(kLight), variables(kDark));
}

}  // namespace isthmus
