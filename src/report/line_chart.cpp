#include <algorithm>
#include <cmath>
#include <vector>

#include "report/chart.h"
#include "report/plot_frame.h"

namespace isthmus {

namespace {

constexpr double kFont = 10.5;

bool is_finite(const Point& point) { return std::isfinite(point.x) && std::isfinite(point.y); }

// Stretches of finite points.
std::vector<std::vector<Point>> stretches(const Line& line, const PlotFrame& frame) {
  std::vector<std::vector<Point>> result(1);
  for (const Point& point : line.points)
    if (is_finite(point))
      result.back().push_back({frame.x.at(point.x), frame.y.at(point.y)});
    else if (!result.back().empty())
      result.emplace_back();
  return result;
}

void draw_stretch(SvgWriter& writer, const std::vector<Point>& points, const Line& line) {
  if (points.size() == 1) writer.circle(points[0], 2.5, css(line.color), line.name);
  if (points.size() < 2) return;
  if (!line.dashed) return writer.polyline(points, css(line.color), 2);
  for (std::size_t i = 1; i < points.size(); ++i)
    writer.line(points[i - 1], points[i], css(line.color), 2, "4 3");
}

struct EndLabel {
  const Line* line;
  double y;
};

// Names at the right, moved apart where lines end close together.
void draw_names(SvgWriter& writer, std::vector<EndLabel> labels, const PlotFrame& frame) {
  std::ranges::sort(labels, {}, &EndLabel::y);
  constexpr double kStep = kFont + 2;
  for (std::size_t i = 1; i < labels.size(); ++i)
    labels[i].y = std::max(labels[i].y, labels[i - 1].y + kStep);
  const double excess = labels.empty() ? 0 : labels.back().y - frame.y.begin;
  if (excess > 0) {
    labels.back().y -= excess;
    for (std::size_t i = labels.size() - 1; i-- > 0;)
      labels[i].y = std::min(labels[i].y, labels[i + 1].y - kStep);
  }
  for (const EndLabel& label : labels) {
    writer.rect({frame.x.end + 5, label.y - 4, 8, 8}, css(label.line->color));
    writer.text({frame.x.end + 17, label.y + 3.5}, label.line->name, {.size = kFont});
  }
}

}  // namespace

Svg draw(const LineChart& chart) {
  std::vector<Point> points;
  double widest = 0;
  for (const Line& line : chart.lines) {
    std::ranges::copy_if(line.points, std::back_inserter(points), is_finite);
    widest = std::max(widest, estimated_width(line.name, kFont));
  }
  SvgWriter writer;
  const PlotFrame frame = draw_frame(writer, chart.title, chart.x, chart.y, points,
                                     std::min(widest + 22, 0.4 * kPlotWidth));
  std::vector<EndLabel> labels;
  for (const Line& line : chart.lines) {
    const auto parts = stretches(line, frame);
    for (const auto& part : parts) draw_stretch(writer, part, line);
    const auto last = std::ranges::find_if(parts.rbegin(), parts.rend(),
                                           [](const auto& part) { return !part.empty(); });
    if (last != parts.rend()) labels.push_back({&line, last->back().y});
  }
  draw_names(writer, labels, frame);
  return {kPlotWidth, kPlotHeight, chart.title, writer.take()};
}

LineChart epoch_chart(const std::string& title, const std::string& quantity,
                      const std::vector<EpochSeries>& series) {
  LineChart chart{.title = title, .x = {.title = "epoch"}, .y = {.title = quantity}, .lines = {}};
  for (std::size_t i = 0; i < series.size(); ++i) {
    Line line{.name = series[i].name, .points = {}, .color = color_at(i)};
    for (std::size_t epoch = 0; epoch < series[i].values.size(); ++epoch)
      line.points.push_back({static_cast<double>(epoch + 1), series[i].values[epoch]});
    chart.lines.push_back(std::move(line));
  }
  return chart;
}

}  // namespace isthmus
