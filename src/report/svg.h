#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace isthmus {

// A picture. Units are those of the drawing; one of them is a CSS pixel or a little more, so that
// text stays readable on a phone: pictures are about 400 wide and grow with the page.
struct Svg {
  double width = 0;
  double height = 0;
  // What it shows, for readers who do not see it.
  std::string label;
  // Elements, already escaped.
  std::string body;
};

// The <svg> element for the inside of a page that has palette_css and svg_css.
std::string inline_svg(const Svg& picture);
// A file of its own, with its style.
std::string svg_file(const Svg& picture);

// Classes of the text and lines in pictures.
std::string svg_css();

enum class Anchor { kStart, kMiddle, kEnd };

struct TextStyle {
  Anchor anchor = Anchor::kStart;
  double size = 11;
  // Any CSS color.
  std::string fill = "var(--ink)";
  bool bold = false;
  // The ground shines through around the letters, so that lines behind them do not disturb.
  bool halo = false;
};

struct Point {
  double x = 0;
  double y = 0;
};

struct Box {
  double x = 0;
  double y = 0;
  double width = 0;
  double height = 0;
};

// Writes elements one by one. Colors are CSS ("var(--c1)"); all text is escaped.
class SvgWriter {
 public:
  // A filled rectangle; `tip` appears under the pointer.
  void rect(const Box& box, std::string_view fill, std::string_view tip = "");
  // `dash` as in stroke-dasharray, "" for a whole line.
  void line(Point from, Point to, std::string_view stroke, double width = 1,
            std::string_view dash = "");
  void polyline(const std::vector<Point>& points, std::string_view stroke, double width);
  void circle(Point center, double radius, std::string_view fill, std::string_view tip = "");
  // `at` is the baseline.
  void text(Point at, std::string_view content, const TextStyle& style = {});

  std::string take() { return std::move(body_); }

 private:
  std::string body_;
};

// Width that text will take, roughly: pictures are laid out without the reader's font.
double estimated_width(std::string_view text, double size);

// The text, with an ellipsis in its middle if it would be wider: beginnings and ends of names tell
// them apart ("cut:/model/…/u8+rans").
std::string shortened(std::string_view text, double size, double width);

}  // namespace isthmus
