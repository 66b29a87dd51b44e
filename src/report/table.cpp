#include "report/table.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include "core/json.h"
#include "core/text.h"
#include "report/display_width.h"
#include "report/markup.h"

namespace isthmus {

namespace {

const std::string& key_of(const Column& column) {
  return column.key.empty() ? column.title : column.key;
}

// A column of numbers, empty cells aside, stands to the right.
bool is_numeric(const Table& table, std::size_t column) {
  bool any = false;
  for (const Row& row : table.rows) {
    if (std::holds_alternative<std::string>(row.cells[column])) return false;
    any |= std::holds_alternative<double>(row.cells[column]);
  }
  return any;
}

bool repeats(const Table& table, std::size_t row, std::size_t column) {
  return table.columns[column].grouped && row > 0 && !table.rows[row].begins_group &&
         table.rows[row].cells[column] == table.rows[row - 1].cells[column];
}

std::string shown_in_group(const Table& table, std::size_t row, std::size_t column) {
  return repeats(table, row, column) ? "" : shown(table, row, column);
}

std::vector<std::size_t> column_widths(const Table& table) {
  std::vector<std::size_t> widths;
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    std::size_t width = display_width(table.columns[c].title);
    for (std::size_t r = 0; r < table.rows.size(); ++r)
      width = std::max(width, display_width(shown(table, r, c)));
    widths.push_back(width);
  }
  return widths;
}

// The cells of one line, two spaces apart, without spaces at its end.
template <typename CellText>
std::string text_line(const Table& table, const std::vector<std::size_t>& widths,
                      const CellText& text_of) {
  std::string line;
  for (std::size_t c = 0; c < widths.size(); ++c) {
    if (c > 0) line += "  ";
    const std::string text = text_of(c);
    line += is_numeric(table, c) ? pad_left(text, widths[c]) : pad_right(text, widths[c]);
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

std::string rule(const std::vector<std::size_t>& widths, TextOptions::Lines lines) {
  std::string result;
  for (std::size_t c = 0; c < widths.size(); ++c) {
    if (c > 0) result += "  ";
    for (std::size_t i = 0; i < widths[c]; ++i)
      result += lines == TextOptions::Lines::kUnicode ? "─" : "-";
  }
  return result;
}

std::string styled(const std::string& line, RowMark mark, const TextOptions& options) {
  if (!options.color) return mark == RowMark::kBest ? "* " + line : "  " + line;
  if (mark == RowMark::kBest) return "  \x1b[1;32m" + line + "\x1b[0m";
  if (mark == RowMark::kFaint) return "  \x1b[2m" + line + "\x1b[0m";
  return "  " + line;
}

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + '"';
}

std::string markdown_cell(std::string text) {
  for (std::size_t at = 0; (at = text.find_first_of("|\n", at)) != std::string::npos; at += 2)
    text.replace(at, 1, text[at] == '|' ? "\\|" : "  ");
  return text;
}

template <typename CellText>
std::string join_line(std::size_t columns, const char* separator, const CellText& text_of) {
  std::string line;
  for (std::size_t c = 0; c < columns; ++c) line += (c > 0 ? separator : "") + text_of(c);
  return line;
}

// The number itself, or the text.
std::string raw(const Cell& cell) {
  if (const auto* number = std::get_if<double>(&cell))
    return std::isfinite(*number) ? fmt::format("{}", *number) : "";
  if (const auto* text = std::get_if<std::string>(&cell)) return *text;
  return "";
}

std::string row_class(const Row& row, bool with_group) {
  std::string name;
  if (row.mark == RowMark::kBest) name = "best";
  if (row.mark == RowMark::kFaint) name = "faint";
  if (with_group && row.begins_group) name += name.empty() ? "group" : " group";
  return name;
}

}  // namespace

std::string format_number(double value, NumberFormat format) {
  if (!std::isfinite(value)) return "–";
  switch (format) {
    case NumberFormat::kPlain: return fmt::format("{:.6g}", value);
    case NumberFormat::kCount: return format_count(value);
    case NumberFormat::kBytes: return value == 0 ? "0" : format_bytes(value);
    case NumberFormat::kMilliseconds: return value == 0 ? "0" : format_seconds(value / 1e3);
    case NumberFormat::kMillijoules:
      if (value == 0) return "0";
      return value >= 1000 ? fmt::format("{:.3g} J", value / 1000)
                           : fmt::format("{:.3g} mJ", value);
    case NumberFormat::kPercent: return fmt::format("{:.1f} %", 100 * value);
    case NumberFormat::kRatio: return fmt::format("{:.3g}x", value);
  }
  return "";
}

std::string shown(const Table& table, std::size_t row, std::size_t column) {
  const Cell& cell = table.rows[row].cells[column];
  if (const auto* number = std::get_if<double>(&cell))
    return format_number(*number, table.columns[column].format);
  if (const auto* text = std::get_if<std::string>(&cell)) return *text;
  return "";
}

std::string to_text(const Table& table, const TextOptions& options) {
  const auto widths = column_widths(table);
  std::string text;
  if (!table.title.empty())
    text += options.color ? "\x1b[1m" + table.title + "\x1b[0m\n" : table.title + "\n";
  const auto title_of = [&](std::size_t c) { return table.columns[c].title; };
  text += "  " + text_line(table, widths, title_of) + "\n";
  text += "  " + rule(widths, options.lines) + "\n";
  for (std::size_t r = 0; r < table.rows.size(); ++r) {
    if (table.rows[r].begins_group && r > 0) text += "\n";
    const auto cell_of = [&](std::size_t c) { return shown_in_group(table, r, c); };
    text += styled(text_line(table, widths, cell_of), table.rows[r].mark, options) + "\n";
  }
  for (const std::string& note : table.notes) text += fmt::format("  {}\n", note);
  return text;
}

std::string to_csv(const Table& table) {
  const std::size_t columns = table.columns.size();
  std::string csv =
      join_line(columns, ",", [&](std::size_t c) { return csv_field(key_of(table.columns[c])); });
  csv += '\n';
  for (const Row& row : table.rows) {
    csv += join_line(columns, ",", [&](std::size_t c) { return csv_field(raw(row.cells[c])); });
    csv += '\n';
  }
  return csv;
}

Json to_json(const Table& table) {
  Json rows = Json::array();
  for (const Row& row : table.rows) {
    Json object = Json::object();
    for (std::size_t c = 0; c < table.columns.size(); ++c) {
      Json& value = object[key_of(table.columns[c])];
      if (const auto* number = std::get_if<double>(&row.cells[c])) value = *number;
      if (const auto* text = std::get_if<std::string>(&row.cells[c])) value = *text;
    }
    rows.push_back(std::move(object));
  }
  return {{"title", table.title}, {"rows", std::move(rows)}, {"notes", table.notes}};
}

std::string to_markdown(const Table& table) {
  const std::size_t columns = table.columns.size();
  const auto line = [&](const auto& text_of) {
    return "| " + join_line(columns, " | ", text_of) + " |\n";
  };
  std::string text = table.title.empty() ? "" : "### " + table.title + "\n\n";
  text += line([&](std::size_t c) { return markdown_cell(table.columns[c].title); });
  text += line([&](std::size_t c) { return std::string(is_numeric(table, c) ? "--:" : ":--"); });
  for (std::size_t r = 0; r < table.rows.size(); ++r)
    text += line([&](std::size_t c) {
      const std::string cell = markdown_cell(shown(table, r, c));
      return table.rows[r].mark == RowMark::kBest && !cell.empty() ? fmt::format("**{}**", cell)
                                                                   : cell;
    });
  for (const std::string& note : table.notes) text += fmt::format("\n{}\n", note);
  return text;
}

std::string to_html(const Table& table) {
  // Groups of the first column get a line of their own, so that what scrolls sideways keeps its
  // names.
  const std::size_t first = !table.columns.empty() && table.columns[0].grouped ? 1 : 0;
  const auto class_of = [&](std::size_t c) {
    return is_numeric(table, c) ? " class=\"number\"" : "";
  };
  std::string html = "<div class=\"table\"><table>\n";
  if (!table.title.empty()) html += "<caption>" + escape_markup(table.title) + "</caption>\n";
  html += "<thead><tr>";
  for (std::size_t c = first; c < table.columns.size(); ++c)
    html += fmt::format("<th scope=\"col\"{}>{}</th>", class_of(c),
                        escape_markup(table.columns[c].title));
  html += "</tr></thead>\n<tbody>\n";
  for (std::size_t r = 0; r < table.rows.size(); ++r) {
    if (first == 1 && !repeats(table, r, 0))
      html += fmt::format("<tr class=\"head\"><th colspan=\"{}\"><span>{}</span></th></tr>\n",
                          table.columns.size() - 1, escape_markup(shown(table, r, 0)));
    html += fmt::format("<tr class=\"{}\">", row_class(table.rows[r], first == 0));
    for (std::size_t c = first; c < table.columns.size(); ++c)
      html += fmt::format("<td{}>{}</td>", class_of(c), escape_markup(shown_in_group(table, r, c)));
    html += "</tr>\n";
  }
  html += "</tbody></table></div>\n";
  for (const std::string& note : table.notes)
    html += "<p class=\"note\">" + escape_markup(note) + "</p>\n";
  return html;
}

}  // namespace isthmus
