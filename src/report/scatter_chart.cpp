#include <algorithm>
#include <array>
#include <vector>

#include "report/chart.h"
#include "report/plot_frame.h"

namespace isthmus {

namespace {

constexpr double kRadius = 4.5;
constexpr double kFont = 10.5;
constexpr double kWidestName = 130;

bool overlap(const Box& a, const Box& b) {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

// Where a name may stand: to the right, to the left, above, below, and further out.
std::vector<Box> places(Point dot, double width) {
  constexpr double kHeight = kFont + 1;
  const double gap = kRadius + 3;
  std::vector<Box> boxes = {{dot.x + gap, dot.y - kHeight / 2, width, kHeight},
                            {dot.x - gap - width, dot.y - kHeight / 2, width, kHeight}};
  for (const double rise : {gap, gap + kHeight, gap + 2 * kHeight})
    for (const double shift : {-width / 2, 0.0, -width}) {
      boxes.push_back({dot.x + shift, dot.y - rise - kHeight, width, kHeight});
      boxes.push_back({dot.x + shift, dot.y + rise, width, kHeight});
    }
  return boxes;
}

void draw_interval(SvgWriter& writer, const Dot& dot, const PlotFrame& frame, double x) {
  if (!dot.low || !dot.high) return;
  const double bottom = frame.y.at(*dot.low), top = frame.y.at(*dot.high);
  const std::string pale = "color-mix(in srgb," + css(dot.color) + " 55%,var(--paper))";
  writer.line({x, bottom}, {x, top}, pale, 1);
  for (const double y : {bottom, top}) writer.line({x - 3, y}, {x + 3, y}, pale, 1);
}

std::string tip_of(const Dot& dot, const ScatterChart& chart) {
  return dot.name + ": " + format_number(dot.x, chart.x.format) + ", " +
         format_number(dot.y, chart.y.format);
}

std::vector<Point> extremes(const std::vector<Dot>& dots) {
  std::vector<Point> points;
  for (const Dot& dot : dots) {
    points.push_back({dot.x, dot.y});
    if (dot.low) points.push_back({dot.x, *dot.low});
    if (dot.high) points.push_back({dot.x, *dot.high});
  }
  return points;
}

// Writes each name at the first place where it hides nothing; those without any stay in the tips.
void draw_names(SvgWriter& writer, const std::vector<Dot>& dots, const std::vector<Point>& at,
                const PlotFrame& frame) {
  std::vector<Box> taken;
  for (const Point& point : at)
    taken.push_back({point.x - kRadius, point.y - kRadius, 2 * kRadius, 2 * kRadius});
  std::vector<std::size_t> order(dots.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::stable_partition(order, [&](std::size_t i) { return dots[i].highlighted; });
  for (const std::size_t i : order) {
    const std::string name = shortened(dots[i].name, kFont, kWidestName);
    const auto candidates = places(at[i], estimated_width(name, kFont));
    const auto free = std::ranges::find_if(candidates, [&](const Box& box) {
      return box.x >= frame.x.begin && box.x + box.width <= kPlotWidth &&
             box.y >= frame.y.end - 6 && box.y + box.height <= frame.y.begin &&
             std::ranges::none_of(taken, [&](const Box& other) { return overlap(box, other); });
    });
    if (free == candidates.end()) continue;
    writer.text({free->x, free->y + kFont - 1.5}, name,
                {.size = kFont, .bold = dots[i].highlighted, .halo = true});
    taken.push_back(*free);
  }
}

}  // namespace

Svg draw(const ScatterChart& chart) {
  SvgWriter writer;
  const PlotFrame frame =
      draw_frame(writer, chart.title, chart.x, chart.y, extremes(chart.dots), 8);
  std::vector<Point> at;
  for (const Dot& dot : chart.dots) at.push_back({frame.x.at(dot.x), frame.y.at(dot.y)});
  for (std::size_t i = 0; i < at.size(); ++i) draw_interval(writer, chart.dots[i], frame, at[i].x);
  for (std::size_t i = 0; i < at.size(); ++i)
    writer.circle(at[i], kRadius + (chart.dots[i].highlighted ? 1.5 : 0), css(chart.dots[i].color),
                  tip_of(chart.dots[i], chart));
  draw_names(writer, chart.dots, at, frame);
  return {kPlotWidth, kPlotHeight, chart.title, writer.take()};
}

}  // namespace isthmus
