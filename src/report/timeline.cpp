#include "report/timeline.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include <fmt/format.h>

namespace isthmus {

namespace {

constexpr double kWidth = 400;
constexpr double kLane = 15;
constexpr double kTop = 26;
constexpr double kFont = 10;

Color color_of(SpanKind kind) {
  switch (kind) {
    case SpanKind::kPrepare: return Color::kGray;
    case SpanKind::kQueue: return Color::kYellow;
    case SpanKind::kRun: return Color::kBlue;
    case SpanKind::kEncode: return Color::kSky;
    case SpanKind::kDecode: return Color::kPurple;
    case SpanKind::kSend: return Color::kOrange;
  }
  return Color::kGray;
}

// A span or a frame's life on the source's clock, in milliseconds.
struct Block {
  double begin = 0;
  double end = 0;
  std::string label;
  std::string tip;
  Color color = Color::kGray;
};

struct MachineRow {
  std::string machine;
  std::vector<Block> blocks;
};

struct Picture {
  std::vector<Block> frames;
  std::vector<MachineRow> rows;
};

double milliseconds(Seconds time) { return 1e3 * time.count(); }

Block block_of(const FrameRecord& frame, const Span& span, Seconds offset) {
  const double begin = milliseconds(span.start + offset);
  const double duration = milliseconds(span.duration);
  return {
      .begin = begin,
      .end = begin + duration,
      .label = std::to_string(frame.key.frame),
      .tip = fmt::format("frame {}, {} {}: {}", frame.key.frame, to_string(span.kind),
                         span.what.text(), format_number(duration, NumberFormat::kMilliseconds)),
      .color = color_of(span.kind)};
}

MachineRow& row_of(std::vector<MachineRow>& rows, const std::string& machine) {
  const auto found = std::ranges::find(rows, machine, &MachineRow::machine);
  if (found != rows.end()) return *found;
  return rows.emplace_back(MachineRow{machine, {}});
}

Picture picture_of(const Trace& trace, const TimelineOptions& options) {
  const auto clocks = align_clocks(trace);
  Picture picture;
  const std::size_t end = std::min(trace.frames.size(), options.first + options.count);
  for (std::size_t i = options.first; i < end; ++i) {
    const FrameRecord& frame = trace.frames[i];
    const double captured = milliseconds(frame.captured);
    const double took = milliseconds(frame.capture_to_output);
    picture.frames.push_back(
        {captured, captured + took, std::to_string(frame.key.frame),
         fmt::format("frame {}: {} after {}", frame.key.frame, to_string(frame.outcome),
                     format_number(took, NumberFormat::kMilliseconds))});
    for (const Span& span : frame.spans)
      row_of(picture.rows, span.machine)
          .blocks.push_back(block_of(frame, span, clocks.at(span.machine).offset));
  }
  return picture;
}

// Lane of each block such that blocks of a lane do not overlap; blocks sorted by their begin.
std::vector<std::size_t> lanes_of(const std::vector<Block>& blocks) {
  std::vector<double> busy_until;
  std::vector<std::size_t> lanes;
  for (const Block& block : blocks) {
    const auto free =
        std::ranges::find_if(busy_until, [&](double end) { return end <= block.begin + 1e-6; });
    lanes.push_back(static_cast<std::size_t>(free - busy_until.begin()));
    if (free == busy_until.end())
      busy_until.push_back(block.end);
    else
      *free = block.end;
  }
  return lanes;
}

// Draws the blocks from `top` and returns where the next row begins.
double draw_row(SvgWriter& writer, std::vector<Block> blocks, const std::string& name,
                const Axis& axis, double top) {
  std::ranges::stable_sort(blocks, {}, &Block::begin);
  const auto lanes = lanes_of(blocks);
  writer.text({0, top + 11}, name, {.size = kFont + 1, .bold = true});
  std::size_t count = 1;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const Block& block = blocks[i];
    count = std::max(count, lanes[i] + 1);
    const double x = axis.at(block.begin), y = top + kLane * static_cast<double>(lanes[i]);
    const double width = std::max(0.8, axis.at(block.end) - x);
    writer.rect({x, y, width, kLane - 2}, css(block.color), block.tip);
    if (width > estimated_width(block.label, kFont) + 4)
      writer.text({x + width / 2, y + kLane - 5}, block.label,
                  {.anchor = Anchor::kMiddle, .size = kFont, .fill = "#10141a"});
  }
  return top + kLane * static_cast<double>(count) + 7;
}

Axis time_axis(const Picture& picture, double begin) {
  std::vector<double> times;
  const auto add = [&](const Block& block) {
    times.push_back(block.begin);
    times.push_back(block.end);
  };
  for (const Block& frame : picture.frames) add(frame);
  for (const MachineRow& row : picture.rows)
    for (const Block& block : row.blocks) add(block);
  if (times.empty()) times = {0, 1};
  const auto [low, high] = std::ranges::minmax(times);
  return {.low = low, .high = high > low ? high : low + 1, .begin = begin, .end = kWidth - 4};
}

// Milliseconds since the first capture.
void draw_time(SvgWriter& writer, const Axis& axis, double bottom) {
  Axis since = axis;
  since.low = 0;
  since.high = axis.high - axis.low;
  for (const double tick : ticks(since, 4)) {
    const double x = since.at(tick);
    writer.line({x, kTop - 4}, {x, bottom}, "var(--line)");
    const std::string text = tick_label(tick, NumberFormat::kMilliseconds);
    const double half = estimated_width(text, kFont) / 2;
    writer.text({std::min(x, kWidth - half), bottom + 12}, text,
                {.anchor = Anchor::kMiddle, .size = kFont, .fill = "var(--faint)"});
  }
}

double rows_height(const Picture& picture) {
  const auto height = [](std::vector<Block> blocks) {
    std::ranges::stable_sort(blocks, {}, &Block::begin);
    const auto lanes = lanes_of(blocks);
    const std::size_t last = lanes.empty() ? 0 : *std::ranges::max_element(lanes);
    return kLane * static_cast<double>(last + 1) + 7;
  };
  double sum = height(picture.frames);
  for (const MachineRow& row : picture.rows) sum += height(row.blocks);
  return sum;
}

}  // namespace

std::map<std::string, ClockOffset> align_clocks(const Trace& trace) {
  struct Range {
    double low = -std::numeric_limits<double>::infinity();
    double high = std::numeric_limits<double>::infinity();
  };
  std::map<std::string, Range> ranges;
  for (const FrameRecord& frame : trace.frames) {
    const double captured = frame.captured.count();
    const double output = captured + frame.capture_to_output.count();
    for (const Span& span : frame.spans) {
      Range& range = ranges[span.machine];
      range.low = std::max(range.low, captured - span.start.count());
      range.high = std::min(range.high, output - (span.start + span.duration).count());
    }
  }
  std::map<std::string, ClockOffset> offsets;
  // Rounding may let a span end a little after its frame.
  constexpr double kSlack = 1e-4;
  for (const auto& [machine, range] : ranges) {
    const bool shares_clock = range.low <= kSlack && range.high >= -kSlack;
    const double offset = shares_clock ? 0 : (range.low + range.high) / 2;
    const double half = shares_clock ? 0 : std::abs(range.high - range.low) / 2;
    offsets[machine] = {Seconds{offset}, Seconds{half}};
  }
  return offsets;
}

Svg draw_timeline(const Trace& trace, const TimelineOptions& options) {
  const Picture picture = picture_of(trace, options);
  double names = estimated_width("frames", kFont + 1);
  for (const MachineRow& row : picture.rows)
    names = std::max(names, estimated_width(row.machine, kFont + 1));
  const Axis axis = time_axis(picture, std::min(1.1 * names + 8, 0.4 * kWidth));
  SvgWriter writer;
  writer.text({0, 14}, options.title, {.size = 13, .bold = true});
  const double bottom = kTop + rows_height(picture);
  draw_time(writer, axis, bottom);
  double top = draw_row(writer, picture.frames, "frames", axis, kTop);
  for (const MachineRow& row : picture.rows)
    top = draw_row(writer, row.blocks, row.machine, axis, top);
  return {kWidth, bottom + 18, options.title, writer.take()};
}

std::vector<LegendEntry> timeline_legend(const Trace& trace) {
  std::set<SpanKind> kinds;
  for (const FrameRecord& frame : trace.frames)
    for (const Span& span : frame.spans) kinds.insert(span.kind);
  std::vector<LegendEntry> entries;
  for (const SpanKind kind : kinds)
    entries.push_back({std::string(to_string(kind)), color_of(kind)});
  return entries;
}

}  // namespace isthmus
