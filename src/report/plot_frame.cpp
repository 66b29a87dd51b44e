#include "report/plot_frame.h"

#include <algorithm>
#include <vector>

namespace isthmus {

namespace {

constexpr double kTop = 44;
constexpr double kBottom = kPlotHeight - 36;
constexpr double kFont = 10;

void draw_x(SvgWriter& writer, const Axis& axis, const AxisLabel& label) {
  double last_end = -1;
  for (const double tick : ticks(axis, 5)) {
    const double x = axis.at(tick);
    writer.line({x, kTop}, {x, kBottom}, "var(--line)");
    const std::string text = tick_label(tick, label.format);
    const double half = estimated_width(text, kFont) / 2;
    if (x - half < last_end + 4 || x + half > kPlotWidth) continue;
    writer.text({x, kBottom + 13}, text,
                {.anchor = Anchor::kMiddle, .size = kFont, .fill = "var(--faint)"});
    last_end = x + half;
  }
  writer.text({(axis.begin + axis.end) / 2, kPlotHeight - 6}, label.title,
              {.anchor = Anchor::kMiddle, .fill = "var(--faint)"});
}

void draw_y(SvgWriter& writer, const Axis& axis, const AxisLabel& label, const Axis& x) {
  for (const double tick : ticks(axis, 5)) {
    const double y = axis.at(tick);
    writer.line({x.begin, y}, {x.end, y}, "var(--line)");
    writer.text({x.begin - 5, y + 3.5}, tick_label(tick, label.format),
                {.anchor = Anchor::kEnd, .size = kFont, .fill = "var(--faint)"});
  }
  // Above the axis rather than turned by 90 degrees: easier to read on a phone.
  writer.text({0, kTop - 10}, label.title, {.fill = "var(--faint)"});
}

}  // namespace

PlotFrame draw_frame(SvgWriter& writer, const std::string& title, const AxisLabel& x_label,
                     const AxisLabel& y_label, std::span<const Point> points, double right_margin) {
  std::vector<double> xs, ys;
  for (const Point& point : points) {
    xs.push_back(point.x);
    ys.push_back(point.y);
  }
  PlotFrame frame{axis_for(xs, x_label.scale, Origin::kData),
                  axis_for(ys, y_label.scale, Origin::kData)};
  double margin = 0;
  for (const double tick : ticks(frame.y, 5))
    margin = std::max(margin, estimated_width(tick_label(tick, y_label.format), kFont));
  frame.x.begin = margin + 8;
  frame.x.end = kPlotWidth - right_margin;
  frame.y.begin = kBottom;
  frame.y.end = kTop;
  writer.text({0, 14}, title, {.size = 13, .bold = true});
  draw_x(writer, frame.x, x_label);
  draw_y(writer, frame.y, y_label, frame.x);
  return frame;
}

}  // namespace isthmus
