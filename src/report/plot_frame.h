#pragma once

#include <span>
#include <string>

#include "report/chart.h"
#include "report/svg.h"

namespace isthmus {

inline constexpr double kPlotWidth = 400;
inline constexpr double kPlotHeight = 280;

// The two axes of a picture with points, drawn with grid, numbers and titles.
struct PlotFrame {
  Axis x;
  Axis y;
};

// `right_margin` is kept free for names beside the plot.
PlotFrame draw_frame(SvgWriter& writer, const std::string& title, const AxisLabel& x_label,
                     const AxisLabel& y_label, std::span<const Point> points, double right_margin);

}  // namespace isthmus
