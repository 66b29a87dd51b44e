#include "report/html.h"

#include <fmt/format.h>

#include "report/markup.h"
#include "report/palette.h"

namespace isthmus {

namespace {

constexpr const char* kStyle = R"css(
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);line-height:1.5;-webkit-text-size-adjust:100%;
font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',sans-serif}
header,main{max-width:1240px;margin:0 auto;padding:0 16px}
header{padding-top:28px}
h1{font-size:1.7rem;line-height:1.2;margin:0 0 6px}
h2{font-size:1.35rem;margin:44px 0 8px;padding-top:14px;border-top:2px solid var(--line)}
h3{font-size:1.05rem;margin:28px 0 6px}
p{margin:6px 0;max-width:46em}
.subtitle{color:var(--faint)}
.note{color:var(--faint);font-size:.88rem}
nav{margin:14px 0 0}
nav a{display:inline-block;margin:0 6px 6px 0;padding:3px 12px;border-radius:99px;
background:var(--panel);border:1px solid var(--line);color:inherit;text-decoration:none}
pre{background:var(--panel);border:1px solid var(--line);border-radius:6px;padding:8px 12px;
overflow-x:auto;font-size:.85rem}
.chips{display:flex;flex-wrap:wrap;gap:6px;padding:0;margin:8px 0;list-style:none}
.chips li{background:var(--panel);border:1px solid var(--line);border-radius:5px;padding:1px 9px;
font-size:.88rem}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,230px),1fr));gap:10px;
margin:10px 0;padding:0}
.cards>div{background:var(--panel);border:1px solid var(--line);border-radius:8px;padding:10px 12px}
.cards dt{color:var(--faint);font-size:.85rem}
.cards dd{margin:0}
.cards .value{font-weight:650;overflow-wrap:anywhere}
.cards .text{font-size:.88rem;margin-top:3px}
.legend{display:flex;flex-wrap:wrap;gap:4px 16px;font-size:.88rem;max-width:none}
.legend i{display:inline-block;width:.8em;height:.8em;border-radius:2px;margin-right:.4em}
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,350px),1fr));
gap:22px 30px;margin:10px 0}
.charts figure{margin:0;max-width:520px}
svg{display:block;width:100%;height:auto}
.table{overflow-x:auto;margin:10px 0;border:1px solid var(--line);border-radius:8px}
table{border-collapse:collapse;width:100%;font-size:.86rem;font-variant-numeric:tabular-nums}
caption{text-align:left;font-weight:600;padding:8px 10px}
th,td{padding:4px 10px;text-align:left;white-space:nowrap}
td.wrap{white-space:normal;min-width:16em}
thead th{color:var(--faint);font-weight:600;border-bottom:1px solid var(--line)}
.number{text-align:right}
tbody tr{background:var(--paper)}
tbody tr:not(.head):nth-child(even){background:color-mix(in srgb,var(--panel) 60%,var(--paper))}
tr.group td,tr.head th{border-top:1px solid var(--line)}
tr.head th{background:var(--panel);font-weight:650}
tr.head th span{position:sticky;left:10px}
tr.best td{font-weight:650}
tr.best td:first-child::before{content:"★ ";color:var(--c2)}
tr.faint td{color:var(--faint)}
thead tr{background:var(--paper)}
td:first-child,thead th:first-child{position:sticky;left:0;background:inherit}
footer{max-width:1240px;margin:40px auto 0;padding:0 16px 40px}
@media print{
body{font-size:10pt}
nav{display:none}
h2{break-before:page;border-top:0}
main>h2:first-child{break-before:auto}
h3{break-after:avoid}
figure,.cards>div,tr{break-inside:avoid}
.charts{grid-template-columns:1fr 1fr}
.table{overflow:visible;border:0}
table{font-size:7pt}
th,td{padding:2px 4px}
*{-webkit-print-color-adjust:exact;print-color-adjust:exact}
}
)css";

}  // namespace

HtmlPage::HtmlPage(std::string title, std::string subtitle)
    : title_(std::move(title)), subtitle_(std::move(subtitle)) {}

void HtmlPage::section(std::string_view title) {
  sections_.emplace_back("s" + std::to_string(sections_.size() + 1), title);
  body_ += fmt::format("<h2 id=\"{}\">{}</h2>\n", sections_.back().first, escape_markup(title));
}

void HtmlPage::heading(std::string_view title) {
  body_ += fmt::format("<h3>{}</h3>\n", escape_markup(title));
}

void HtmlPage::paragraph(std::string_view text) {
  body_ += fmt::format("<p>{}</p>\n", escape_markup(text));
}

void HtmlPage::note(std::string_view text) {
  body_ += fmt::format("<p class=\"note\">{}</p>\n", escape_markup(text));
}

void HtmlPage::code(std::string_view text) {
  body_ += fmt::format("<pre><code>{}</code></pre>\n", escape_markup(text));
}

void HtmlPage::chips(const std::vector<std::string>& facts) {
  body_ += "<ul class=\"chips\">";
  for (const std::string& fact : facts) body_ += "<li>" + escape_markup(fact) + "</li>";
  body_ += "</ul>\n";
}

void HtmlPage::statements(const std::vector<Statement>& list) {
  body_ += "<dl class=\"cards\">\n";
  for (const Statement& each : list)
    body_ +=
        fmt::format("<div><dt>{}</dt><dd class=\"value\">{}</dd><dd class=\"text\">{}</dd></div>\n",
                    escape_markup(each.term), escape_markup(each.value), escape_markup(each.text));
  body_ += "</dl>\n";
}

void HtmlPage::table(const Table& table) { body_ += to_html(table); }

void HtmlPage::legend(const std::vector<LegendEntry>& entries) { body_ += legend_html(entries); }

void HtmlPage::charts(const std::vector<Svg>& pictures) {
  body_ += "<div class=\"charts\">\n";
  for (const Svg& picture : pictures) body_ += "<figure>" + inline_svg(picture) + "</figure>\n";
  body_ += "</div>\n";
}

std::string HtmlPage::str() const {
  std::string navigation;
  if (sections_.size() > 1)
    for (const auto& [anchor, title] : sections_)
      navigation += fmt::format("<a href=\"#{}\">{}</a>", anchor, escape_markup(title));
  return fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<title>{0}</title>\n<style>\n{1}{2}{3}</style>\n</head>\n<body>\n"
      "<header><h1>{0}</h1>\n<p class=\"subtitle\">{4}</p>\n<nav>{5}</nav></header>\n"
      "<main>\n{6}</main>\n<footer></footer>\n</body>\n</html>\n",
      escape_markup(title_), palette_css(":root"), svg_css(), kStyle, escape_markup(subtitle_),
      navigation, body_);
}

}  // namespace isthmus
