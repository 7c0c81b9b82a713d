#include "tools/report/html.h"

#include <fmt/format.h>

#include <cctype>

#include "core/base/text.h"

namespace seqsweep {
namespace {

// Figures keep their colours in the dark: their lightness is turned over, not their hue.
constexpr const char* kHead = R"html(<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="color-scheme" content="light dark">
<style>
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #ffffff; --faint: #57606a; --line: #d5dae0; --band: #f5f7f9; --link: #0b5cad; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e8ec; --paper: #14181d; --faint: #9aa5b1; --line: #323a44; --band: #1b2128; --link: #79b8ff; }
  figure svg { filter: invert(0.92) hue-rotate(180deg); }
}
body { margin: 0 auto; max-width: 76rem; padding: 1rem 1.25rem 4rem; color: var(--ink); background: var(--paper); font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin: 2.5rem 0 .6rem; }
nav ul { columns: 18rem; padding-left: 1.2rem; } a { color: var(--link); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem; border-top: 2px solid var(--ink); border-bottom: 2px solid var(--ink); }
th { border-bottom: 1px solid var(--ink); font-weight: 600; text-align: left; }
th, td { padding: .3rem .7rem; white-space: nowrap; }
td.n, th.n { text-align: right; }
tbody tr:nth-child(even) { background: var(--band); }
.spread { color: var(--faint); font-size: .85em; }
.notes { color: var(--faint); font-size: .85rem; padding-left: 1.2rem; max-width: 60rem; }
figure { margin: 0 0 .4rem; overflow-x: auto; } figure svg { max-width: 100%; height: auto; min-width: 34rem; }
@media print { nav { display: none; } h2 { break-after: avoid; } table, figure { break-inside: avoid; } }
</style>
)html";

std::string cell_html(const Cell& cell, const Column& column) {
  std::string text = cell.text.empty() ? "–" : html_escape(cell.text);
  if (cell.best) text = "<strong>" + text + "</strong>";
  if (!cell.mark.empty()) text += "<sup>" + html_escape(cell.mark) + "</sup>";
  if (!cell.spread.empty())
    text += " <span class=\"spread\">" + html_escape(cell.spread) + "</span>";
  return fmt::format("<td{}>{}</td>", column.numbers ? " class=\"n\"" : "", text);
}

std::string notes_html(const std::vector<std::string>& notes) {
  if (notes.empty()) return "";
  std::string out = "<ul class=\"notes\">\n";
  for (const std::string& note : notes) out += "<li>" + html_escape(note) + "</li>\n";
  return out + "</ul>\n";
}

std::string table_title(const Table& table) {
  return table.paper_table > 0 ? fmt::format("Table {}: {}", table.paper_table, table.title)
                               : table.title;
}

// What gnuplot writes before the element is for a file of its own; its names are made the figure's
// own, since all figures share the page.
std::string inline_svg(std::string svg, const std::string& slug) {
  svg.erase(0, std::min(svg.find("<svg"), svg.size()));
  for (const std::string_view attribute : {" id='", " id=\"", "xlink:href='#", "url(#"}) {
    for (size_t at = 0; (at = svg.find(attribute, at)) != std::string::npos;) {
      at += attribute.size();
      svg.insert(at, slug + "_");
    }
  }
  return svg;
}

// "SASRec on ml-100k: Validation NDCG@10 over epochs": figures of one comparison share their title.
std::string figure_title(const Figure& figure) {
  if (figure.panels.empty() || figure.panels[0].x.label.empty()) return figure.title;
  std::string over = figure.panels[0].x.label;
  over[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(over[0])));
  return fmt::format("{}: {} over {}", figure.title, figure.panels[0].y.label, over);
}

std::string figure_html(const HtmlFigure& one) {
  const Figure& figure = one.figure;
  std::string out = fmt::format("<h2 id=\"{}\">{}</h2>\n", html_escape(figure.slug),
                                html_escape(figure_title(figure)));
  out += one.svg.empty() ? "<p>Not drawn: gnuplot is missing.</p>\n"
                         : fmt::format("<figure aria-label=\"{}\">{}</figure>\n",
                                       html_escape(figure.title), inline_svg(one.svg, figure.slug));
  return out + notes_html(figure.notes);
}

}  // namespace

std::string html_escape(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string html(const Table& table) {
  std::string out =
      fmt::format("<h2 id=\"table_{}\">{}</h2>\n<div class=\"wide\"><table>\n<thead><tr>",
                  html_escape(table.slug), html_escape(table_title(table)));
  for (const Column& column : table.columns) {
    out += fmt::format("<th scope=\"col\"{}>{}</th>", column.numbers ? " class=\"n\"" : "",
                       html_escape(column.name));
  }
  out += "</tr></thead>\n<tbody>\n";
  for (const std::vector<Cell>& row : table.rows) {
    out += "<tr>";
    for (size_t i = 0; i < row.size(); ++i) out += cell_html(row[i], table.columns.at(i));
    out += "</tr>\n";
  }
  return out + "</tbody>\n</table></div>\n" + notes_html(table.notes);
}

std::string html_report(const std::string& title, const std::vector<Table>& tables,
                        const std::vector<HtmlFigure>& figures,
                        const std::vector<std::string>& missing) {
  std::string out = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n" + std::string(kHead) +
                    fmt::format("<title>{0}</title>\n</head>\n<body>\n<h1>{0}</h1>\n<nav><ul>\n",
                                html_escape(title));
  for (const Table& table : tables) {
    out += fmt::format("<li><a href=\"#table_{}\">{}</a></li>\n", html_escape(table.slug),
                       html_escape(table_title(table)));
  }
  for (const HtmlFigure& one : figures) {
    if (one.figure.csv.empty()) continue;  // The same curves over another axis.
    out += fmt::format("<li><a href=\"#{}\">{}</a></li>\n", html_escape(one.figure.slug),
                       html_escape(figure_title(one.figure)));
  }
  out += "</ul></nav>\n<main>\n";
  for (const Table& table : tables) out += html(table);
  for (const HtmlFigure& one : figures) out += figure_html(one);
  if (!missing.empty()) out += "<h2>Not drawn</h2>\n" + notes_html(missing);
  return out + "</main>\n</body>\n</html>\n";
}

}  // namespace seqsweep
