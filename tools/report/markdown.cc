#include "tools/report/markdown.h"

#include <fmt/format.h>

#include "core/base/text.h"

namespace seqsweep {
namespace {

std::string markdown_cell(const Cell& cell) {
  if (cell.text.empty()) return "–";
  std::string text = markdown_escape(cell.text);
  if (cell.best) text = fmt::format("**{}**", text);
  text += cell.mark;
  if (!cell.spread.empty()) text += fmt::format(" {}", markdown_escape(cell.spread));
  return text;
}

std::string line(const std::vector<std::string>& cells) {
  return "| " + join(cells, " | ") + " |\n";
}

}  // namespace

std::string markdown_escape(std::string_view text) {
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
      case '\\':
      case '`':
      case '*':
      case '_':
      case '[':
      case ']':
      case '#':
      case '|':
      case '~':
      case '$':
      case '!':
        out += '\\';
        [[fallthrough]];
      default:
        out += c;
    }
  }
  return out;
}

std::string markdown(const Table& table) {
  const std::string number =
      table.paper_table > 0 ? fmt::format("Table {}: ", table.paper_table) : "";
  std::string out = fmt::format("## {}{}\n\n", number, markdown_escape(table.title));
  std::vector<std::string> names, rules;
  for (const Column& column : table.columns) {
    names.push_back(markdown_escape(column.name));
    rules.emplace_back(column.numbers ? "---:" : ":---");
  }
  out += line(names) + line(rules);
  for (const std::vector<Cell>& row : table.rows) {
    std::vector<std::string> cells;
    for (const Cell& cell : row) cells.push_back(markdown_cell(cell));
    out += line(cells);
  }
  if (!table.notes.empty()) out += "\n";
  for (const std::string& note : table.notes) out += "- " + markdown_escape(note) + "\n";
  return out;
}

}  // namespace seqsweep
