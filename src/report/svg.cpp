#include "report/svg.h"

#include <fmt/format.h>

#include "report/display_width.h"
#include "report/markup.h"
#include "report/palette.h"

namespace isthmus {

namespace {

std::string titled(std::string_view tip) {
  return tip.empty() ? "/>\n" : fmt::format("><title>{}</title>", escape_markup(tip));
}

const char* anchor_name(Anchor anchor) {
  switch (anchor) {
    case Anchor::kStart: return "start";
    case Anchor::kMiddle: return "middle";
    case Anchor::kEnd: return "end";
  }
  return "start";
}

// `margin` units of ground around the picture.
std::string element(const Svg& picture, double margin, const std::string& attributes,
                    const std::string& style) {
  return fmt::format(
      "<svg{} viewBox=\"{:g} {:g} {:.0f} {:.0f}\" role=\"img\" aria-label=\"{}\">\n{}{}</svg>\n",
      attributes, 0 - margin, 0 - margin, picture.width + 2 * margin, picture.height + 2 * margin,
      escape_markup(picture.label), style, picture.body);
}

}  // namespace

std::string inline_svg(const Svg& picture) { return element(picture, 0, "", ""); }

std::string svg_file(const Svg& picture) {
  constexpr double kMargin = 12;
  const auto size =
      fmt::format(" xmlns=\"http://www.w3.org/2000/svg\" width=\"{:.0f}\" height=\"{:.0f}\"",
                  picture.width + 2 * kMargin, picture.height + 2 * kMargin);
  return element(
      picture, kMargin, size,
      "<style>" + palette_css("svg") + "svg{background:var(--paper)}" + svg_css() + "</style>\n");
}

std::string svg_css() {
  return "svg text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;"
         "font-variant-numeric:tabular-nums}\n"
         "svg "
         ".halo{paint-order:stroke;stroke:var(--paper);stroke-width:3px;stroke-linejoin:round}\n";
}

void SvgWriter::rect(const Box& box, std::string_view fill, std::string_view tip) {
  body_ += fmt::format(
      "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" rx=\"1.5\" "
      "style=\"fill:{}\"{}",
      box.x, box.y, box.width, box.height, fill, titled(tip));
  if (!tip.empty()) body_ += "</rect>\n";
}

void SvgWriter::line(Point from, Point to, std::string_view stroke, double width,
                     std::string_view dash) {
  body_ += fmt::format(
      "<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" "
      "style=\"stroke:{};stroke-width:{:.2g}{}{}\"/>\n",
      from.x, from.y, to.x, to.y, stroke, width, dash.empty() ? "" : ";stroke-dasharray:", dash);
}

void SvgWriter::polyline(const std::vector<Point>& points, std::string_view stroke, double width) {
  std::string list;
  for (const Point& point : points) list += fmt::format("{:.1f},{:.1f} ", point.x, point.y);
  body_ += fmt::format(
      "<polyline points=\"{}\" style=\"fill:none;stroke:{};stroke-width:{:.2g};"
      "stroke-linejoin:round\"/>\n",
      list, stroke, width);
}

void SvgWriter::circle(Point center, double radius, std::string_view fill, std::string_view tip) {
  body_ += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{:.1f}\" style=\"fill:{}\"{}",
                       center.x, center.y, radius, fill, titled(tip));
  if (!tip.empty()) body_ += "</circle>\n";
}

void SvgWriter::text(Point at, std::string_view content, const TextStyle& style) {
  body_ += fmt::format(
      "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\"{} "
      "style=\"font-size:{:.3g}px;fill:{}{}\">{}</text>\n",
      at.x, at.y, anchor_name(style.anchor), style.halo ? " class=\"halo\"" : "", style.size,
      style.fill, style.bold ? ";font-weight:600" : "", escape_markup(content));
}

std::string shortened(std::string_view text, double size, double width) {
  if (estimated_width(text, size) <= width) return std::string(text);
  const auto is_continuation = [&](std::size_t at) {
    return at < text.size() && (text[at] & 0xC0) == 0x80;
  };
  std::string result = "…";
  // One more character at the end, then one at the beginning, while there is room.
  std::size_t begin = 0, end = text.size();
  while (begin < end) {
    std::size_t next_begin = begin, next_end = end - 1;
    while (is_continuation(next_end) && next_end > begin) --next_end;
    if (text.size() - end > begin) {
      next_end = end;
      do ++next_begin;
      while (is_continuation(next_begin));
    }
    std::string longer = std::string(text.substr(0, next_begin)) + "…";
    longer += text.substr(next_end);
    if (estimated_width(longer, size) > width) break;
    result = longer;
    begin = next_begin;
    end = next_end;
  }
  return result;
}

double estimated_width(std::string_view text, double size) {
  return 0.56 * size * static_cast<double>(display_width(text));
}

}  // namespace isthmus
