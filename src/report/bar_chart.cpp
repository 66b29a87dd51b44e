// Horizontal bars: BarChart and StackChart.
#include <fmt/format.h>

#include <algorithm>

#include "report/chart.h"
#include "report/markup.h"

namespace isthmus {

namespace {

constexpr double kWidth = 400;
constexpr double kRowHeight = 19;
constexpr double kBarHeight = 13;
constexpr double kTop = 28;
constexpr double kGap = 6;
constexpr double kFont = 11;
constexpr double kAxisFont = 10;
// How much wider bold letters are.
constexpr double kBold = 1.1;

// Where names, bars and numbers stand.
struct Columns {
  double names_end = 0;
  double bars_begin = 0;
  double bars_end = 0;
};

Columns columns_for(double widest_name, double widest_number) {
  const double names = std::min(widest_name, 0.4 * kWidth);
  return {.names_end = names,
          .bars_begin = names + kGap,
          .bars_end = kWidth - widest_number - kGap - 2};
}

double widest(const std::vector<std::string>& texts) {
  double width = 0;
  for (const std::string& text : texts)
    width = std::max(width, kBold * estimated_width(text, kFont));
  return width;
}

double baseline_of(std::size_t row) {
  return kTop + kRowHeight * static_cast<double>(row) + kRowHeight / 2 + 0.36 * kFont;
}

double bar_top(std::size_t row) {
  return kTop + kRowHeight * static_cast<double>(row) + (kRowHeight - kBarHeight) / 2;
}

void draw_title(SvgWriter& writer, const std::string& title) {
  writer.text({0, 14}, title, {.size = 13, .bold = true});
}

// Vertical grid lines with their values below `bottom`.
void draw_axis(SvgWriter& writer, const Axis& axis, NumberFormat format, double bottom) {
  double last_end = -1;
  for (const double tick : ticks(axis, 4)) {
    const double x = axis.at(tick);
    writer.line({x, kTop}, {x, bottom}, "var(--line)");
    const std::string text = tick_label(tick, format);
    const double half = estimated_width(text, kAxisFont) / 2;
    if (x - half < last_end + 4 || x + half > kWidth) continue;
    writer.text({x, bottom + 12}, text,
                {.anchor = Anchor::kMiddle, .size = kAxisFont, .fill = "var(--faint)"});
    last_end = x + half;
  }
}

void draw_name(SvgWriter& writer, const std::string& name, bool bold, std::size_t row,
               const Columns& columns) {
  writer.text({columns.names_end, baseline_of(row)},
              shortened(name, kFont, columns.names_end / kBold),
              {.anchor = Anchor::kEnd, .size = kFont, .bold = bold});
}

double draw_caption(SvgWriter& writer, const std::string& caption, double bottom,
                    const Columns& columns) {
  if (caption.empty()) return bottom + 18;
  writer.text({(columns.bars_begin + columns.bars_end) / 2, bottom + 25}, caption,
              {.anchor = Anchor::kMiddle, .size = kAxisFont, .fill = "var(--faint)"});
  return bottom + 31;
}

double total(const Stack& stack) {
  double sum = 0;
  for (const Segment& segment : stack.segments) sum += segment.value;
  return sum;
}

std::string number_of(const Bar& bar, NumberFormat format) {
  return bar.value ? format_number(*bar.value, format) : "–";
}

Axis own_axis(const BarChart& chart) {
  std::vector<double> values;
  for (const Bar& bar : chart.bars) {
    if (bar.value) values.push_back(*bar.value);
    if (bar.whisker) values.push_back(*bar.whisker);
  }
  return axis_for(values, Scale::kLinear, Origin::kZero);
}

void draw_bar(SvgWriter& writer, const Bar& bar, std::size_t row, const BarChart& chart,
              const Axis& axis) {
  if (!bar.value) return;
  const std::string number = format_number(*bar.value, chart.format);
  const double end = std::clamp(axis.at(*bar.value), axis.begin + 1, axis.end);
  writer.rect({axis.begin, bar_top(row), end - axis.begin, kBarHeight}, css(bar.color),
              bar.name + ": " + number);
  if (!bar.whisker) return;
  const double tip = std::clamp(axis.at(*bar.whisker), end, axis.end);
  const double middle = bar_top(row) + kBarHeight / 2;
  writer.line({end, middle}, {tip, middle}, "var(--faint)", 1.2);
  writer.line({tip, middle - 3.5}, {tip, middle + 3.5}, "var(--faint)", 1.2);
}

}  // namespace

Svg draw(const BarChart& chart) {
  std::vector<std::string> names, numbers;
  for (const Bar& bar : chart.bars) {
    names.push_back(bar.name);
    numbers.push_back(number_of(bar, chart.format));
  }
  const Columns columns = columns_for(widest(names), widest(numbers));
  Axis axis = chart.axis ? *chart.axis : own_axis(chart);
  axis.begin = columns.bars_begin;
  axis.end = columns.bars_end;

  SvgWriter writer;
  const double bottom = kTop + kRowHeight * static_cast<double>(chart.bars.size());
  draw_title(writer, chart.title);
  draw_axis(writer, axis, chart.format, bottom);
  for (std::size_t row = 0; row < chart.bars.size(); ++row) {
    const Bar& bar = chart.bars[row];
    draw_name(writer, bar.name, bar.highlighted, row, columns);
    draw_bar(writer, bar, row, chart, axis);
    writer.text({kWidth - 1, baseline_of(row)}, numbers[row],
                {.anchor = Anchor::kEnd, .size = kFont, .bold = bar.highlighted});
  }
  const double height = draw_caption(writer, chart.caption, bottom, columns);
  return {kWidth, height, chart.title, writer.take()};
}

Svg draw(const StackChart& chart) {
  std::vector<std::string> names, numbers;
  std::vector<double> totals;
  for (const Stack& stack : chart.stacks) {
    totals.push_back(total(stack));
    names.push_back(stack.name);
    numbers.push_back(format_number(totals.back(), chart.format));
  }
  const Columns columns = columns_for(widest(names), widest(numbers));
  Axis axis = axis_for(totals, Scale::kLinear, Origin::kZero);
  axis.begin = columns.bars_begin;
  axis.end = columns.bars_end;

  SvgWriter writer;
  const double bottom = kTop + kRowHeight * static_cast<double>(chart.stacks.size());
  draw_title(writer, chart.title);
  draw_axis(writer, axis, chart.format, bottom);
  for (std::size_t row = 0; row < chart.stacks.size(); ++row) {
    const Stack& stack = chart.stacks[row];
    draw_name(writer, stack.name, stack.highlighted, row, columns);
    double sum = 0;
    for (const Segment& segment : stack.segments) {
      const double from = axis.at(sum);
      sum += segment.value;
      const double width = axis.at(sum) - from;
      if (width < 0.2) continue;
      writer.rect({from, bar_top(row), width, kBarHeight}, css(segment.color),
                  fmt::format("{}, {}: {}", stack.name, segment.name,
                              format_number(segment.value, chart.format)));
    }
    writer.text({kWidth - 1, baseline_of(row)}, numbers[row],
                {.anchor = Anchor::kEnd, .size = kFont, .bold = stack.highlighted});
  }
  const double height = draw_caption(writer, chart.caption, bottom, columns);
  return {kWidth, height, chart.title, writer.take()};
}

std::string legend_html(const std::vector<LegendEntry>& entries) {
  std::string html = "<p class=\"legend\">";
  for (const LegendEntry& entry : entries)
    html += "<span><i style=\"background:" + css(entry.color) + "\"></i>" +
            escape_markup(entry.name) + "</span> ";
  return html + "</p>\n";
}

}  // namespace isthmus
