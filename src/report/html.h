#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "report/chart.h"
#include "report/svg.h"
#include "report/table.h"

namespace isthmus {

// A term and what is to be said about it.
struct Statement {
  std::string term;
  // Stands out, between the term and the text.
  std::string value;
  std::string text;
};

// A page in one file: style inside, no scripts, nothing from any network. Readable at the width of
// a phone and on paper, light or dark as the reader has it. All text is escaped.
class HtmlPage {
 public:
  // `subtitle` stands below the title.
  HtmlPage(std::string title, std::string subtitle);

  // A part of the page with an entry in its table of contents.
  void section(std::string_view title);
  void heading(std::string_view title);
  void paragraph(std::string_view text);
  void note(std::string_view text);
  void code(std::string_view text);
  // Short facts in a row.
  void chips(const std::vector<std::string>& facts);
  // A grid of small cards.
  void statements(const std::vector<Statement>& list);
  void table(const Table& table);
  void legend(const std::vector<LegendEntry>& entries);
  // Side by side where there is room.
  void charts(const std::vector<Svg>& pictures);

  std::string str() const;

 private:
  std::string title_;
  std::string subtitle_;
  std::string body_;
  // Anchor and title.
  std::vector<std::pair<std::string, std::string>> sections_;
};

}  // namespace isthmus
