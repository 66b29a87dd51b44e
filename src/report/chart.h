#pragma once

#include <optional>
#include <string>
#include <vector>

#include "report/axis.h"
#include "report/palette.h"
#include "report/svg.h"
#include "report/table.h"

namespace isthmus {

// Pictures of numbers. Each takes a plain value and gives an Svg about 400 units wide; every mark
// has its name and number beside it or under the pointer, so that none depends on color alone.

struct Bar {
  std::string name;
  // Nothing: the name with a dash.
  std::optional<double> value;
  // A thin mark further out, such as a 95th percentile.
  std::optional<double> whisker;
  Color color = Color::kBlue;
  // The best of the group: bold.
  bool highlighted = false;
};

// Horizontal bars, one below the other, with names to the left and numbers to the right. One chart
// per group (a link, say); charts that are to be compared get the same axis.
struct BarChart {
  std::string title;
  NumberFormat format = NumberFormat::kPlain;
  std::vector<Bar> bars;
  // Nothing: one for these bars. On a log scale bars start at the axis' lower end.
  std::optional<Axis> axis;
  // What the length means, below the axis.
  std::string caption;
};
Svg draw(const BarChart& chart);

struct Segment {
  std::string name;
  double value = 0;
  Color color = Color::kBlue;
};

struct Stack {
  std::string name;
  std::vector<Segment> segments;
  bool highlighted = false;
};

// Horizontal bars made of parts, with the sum to the right.
struct StackChart {
  std::string title;
  NumberFormat format = NumberFormat::kPlain;
  std::vector<Stack> stacks;
  std::string caption;
};
Svg draw(const StackChart& chart);

struct Dot {
  std::string name;
  double x = 0;
  double y = 0;
  // A vertical interval around y.
  std::optional<double> low;
  std::optional<double> high;
  Color color = Color::kBlue;
  bool highlighted = false;
};

struct AxisLabel {
  std::string title;
  NumberFormat format = NumberFormat::kPlain;
  Scale scale = Scale::kLinear;
};

// Points with their names beside them, as far as there is room; all names are in the tips.
struct ScatterChart {
  std::string title;
  AxisLabel x;
  AxisLabel y;
  std::vector<Dot> dots;
};
Svg draw(const ScatterChart& chart);

struct Line {
  std::string name;
  // In order of x. A y that is not finite interrupts the line.
  std::vector<Point> points;
  Color color = Color::kBlue;
  bool dashed = false;
};

// Lines with their names at the right end.
struct LineChart {
  std::string title;
  AxisLabel x;
  AxisLabel y;
  std::vector<Line> lines;
};
Svg draw(const LineChart& chart);

// Values per epoch (epoch 1 first) of several quantities, e.g. loss of training and of validation.
struct EpochSeries {
  std::string name;
  std::vector<double> values;
};
LineChart epoch_chart(const std::string& title, const std::string& quantity,
                      const std::vector<EpochSeries>& series);

// Colored squares and their meaning, in as many lines as they need; to stand once above several
// charts.
struct LegendEntry {
  std::string name;
  Color color = Color::kBlue;
};
std::string legend_html(const std::vector<LegendEntry>& entries);

}  // namespace isthmus
