#include "tools/report/latex.h"

#include <fmt/format.h>

#include <cstdint>
#include <utility>

#include "core/base/text.h"

namespace seqsweep {
namespace {

// Takes the first character off well-formed UTF-8.
uint32_t take_code_point(std::string_view& text) {
  const auto first = static_cast<unsigned char>(text.front());
  const size_t length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  uint32_t code = length == 1 ? first : first & (0x7fu >> length);
  for (size_t i = 1; i < length; ++i) {
    code = code << 6 | (static_cast<unsigned char>(text[i]) & 0x3fu);
  }
  text.remove_prefix(length);
  return code;
}

std::string ascii_text(char c) {
  switch (c) {
    case '\\':
      return "\\textbackslash{}";
    case '~':
      return "\\textasciitilde{}";
    case '^':
      return "\\textasciicircum{}";
    case '<':
      return "\\textless{}";
    case '>':
      return "\\textgreater{}";
    case '|':
      return "\\textbar{}";
    case '"':
      return "\\textquotedbl{}";
    case '`':
      return "\\textasciigrave{}";
    case '{':
    case '}':
    case '$':
    case '&':
    case '#':
    case '_':
    case '%':
      return {'\\', c};
    default:
      return {c};
  }
}

std::string latex_cell(const Cell& cell) {
  if (cell.text.empty()) return "--";
  std::string text = latex_escape(cell.text);
  if (cell.best) text = "\\textbf{" + text + "}";
  text += latex_escape(cell.mark);
  if (!cell.spread.empty()) text += " " + latex_escape(cell.spread);
  return text;
}

}  // namespace

std::string latex_escape(std::string_view text) {
  const std::string shown = printable(text);
  std::string out;
  uint32_t code = 0;
  for (std::string_view rest = shown; !rest.empty();) {
    const std::string_view here = rest;
    const uint32_t before = std::exchange(code, take_code_point(rest));
    if (code == before && (code == '-' || code == ',')) out += "{}";  // Else a dash, or a quote.
    if (code < 0x80) {
      out += ascii_text(static_cast<char>(code));
    } else if (code == 0xb1) {
      out += "$\\pm$";
    } else if (code == 0x2020) {
      out += "\\textdagger{}";
    } else if (code == 0x2021) {
      out += "\\textdaggerdbl{}";
    } else if (code >= 0xc0 && code <= 0xff) {  // Western letters.
      out += here.substr(0, here.size() - rest.size());
    } else {
      out += fmt::format("[U+{:04X}]", code);
    }
  }
  return out;
}

std::string latex(const Table& table) {
  std::string alignment, names;
  for (const Column& column : table.columns) {
    alignment += column.numbers ? 'r' : 'l';
    names += (names.empty() ? "" : " & ") + latex_escape(column.name);
  }
  std::string rows;
  for (const std::vector<Cell>& row : table.rows) {
    std::string cells;
    for (const Cell& cell : row) cells += (cells.empty() ? "" : " & ") + latex_cell(cell);
    rows += "{}" + cells + " \\\\\n";  // The {} keeps a '[' from being read as an option of \\.
  }
  std::string notes;
  for (const std::string& note : table.notes) {
    notes += "\\par\\smallskip\\footnotesize " + latex_escape(note) + "\n";
  }
  return fmt::format(R"(% \usepackage[T1]{{fontenc}} \usepackage{{textcomp,booktabs,graphicx}}
\begin{{table}}[htbp]
\centering
\caption{{{}}}
\label{{tab:{}}}
\resizebox{{\textwidth}}{{!}}{{%
\begin{{tabular}}{{{}}}
\toprule
{} \\
\midrule
{}\bottomrule
\end{{tabular}}}}
{}\end{{table}}
)",
                     latex_escape(table.title), table.slug, alignment, names, rows, notes);
}

std::string latex_document(const std::vector<std::string>& files) {
  std::string inputs;
  for (const std::string& file : files) inputs += "\\input{" + file + "}\n";
  return "\\documentclass{article}\n\\usepackage[T1]{fontenc}\n"
         "\\usepackage[margin=2cm]{geometry}\n\\usepackage{textcomp,booktabs,graphicx}\n"
         "\\begin{document}\n" +
         inputs + "\\end{document}\n";
}

}  // namespace seqsweep
