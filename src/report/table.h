#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/json_fwd.h"

namespace isthmus {

// How a number is shown to people. Files for programs (CSV, JSON) always carry the number itself.
enum class NumberFormat : std::uint8_t {
  kPlain,         // As short as it can be: 3, 0.25.
  kCount,         // 25.6 M
  kBytes,         // 2.40 kB
  kMilliseconds,  // 12.3 ms, 1.97 s: a number of milliseconds.
  kMillijoules,   // 11.5 mJ, 2.3 J: a number of millijoules.
  kPercent,       // 91.2 %: a share in [0, 1].
  kRatio,         // 2.4x
};

std::string format_number(double value, NumberFormat format);

// Nothing, text, or a number.
using Cell = std::variant<std::monostate, std::string, double>;

struct Column {
  // For people, and for programs (a CSV heading, a JSON field; the title if empty).
  std::string title;
  std::string key = {};
  NumberFormat format = NumberFormat::kPlain;
  // Cells equal to the one above are left blank in text and HTML, as in a list that is grouped by
  // them.
  bool grouped = false;
};

enum class RowMark : std::uint8_t {
  kNone,
  kBest,   // The winner: bold, or a star where there is no bold.
  kFaint,  // Worth less attention.
};

struct Row {
  std::vector<Cell> cells;
  RowMark mark = RowMark::kNone;
  // A line is drawn before it.
  bool begins_group = false;
};

// Rows of as many cells as there are columns.
struct Table {
  std::string title;
  std::vector<Column> columns;
  std::vector<Row> rows;
  // Below the table.
  std::vector<std::string> notes;
};

struct TextOptions {
  // ANSI colors and bold.
  bool color = false;
  // Box-drawing lines; otherwise dashes.
  enum class Lines : std::uint8_t { kUnicode, kAscii } lines = Lines::kUnicode;
};

// Aligned for a terminal: numbers to the right, text to the left.
std::string to_text(const Table& table, const TextOptions& options = {});
// RFC 4180 with a heading line; "\r\n" only inside quotes if a cell has it, lines end in "\n".
std::string to_csv(const Table& table);
// {title, rows: [{key: value}], notes}; an empty cell is null.
Json to_json(const Table& table);
// A pipe table; the title is a heading above it.
std::string to_markdown(const Table& table);
// <table> with a caption, inside a box that scrolls sideways; a grouped first column becomes
// headings between the rows. Everything is escaped.
std::string to_html(const Table& table);

// What a person sees in one cell.
std::string shown(const Table& table, std::size_t row, std::size_t column);

}  // namespace isthmus
