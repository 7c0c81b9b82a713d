#include "tools/report/latex.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "core/base/text.h"

namespace seqsweep {
namespace {

constexpr size_t kRowsOfFloat = 40;  // With notes on one page, also where nothing is shrunk.
constexpr size_t kRowsOfPart = 20;   // Of a longer table: short, so that parts fill their pages.

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
  if (cell.best) text = fmt::format("\\textbf{{{}}}", text);
  text += latex_escape(cell.mark);
  if (!cell.spread.empty()) text += fmt::format(" {}", latex_escape(cell.spread));
  return text;
}

struct Tabular {
  std::string alignment, names;
  std::vector<std::string> rows;
  std::string widths;  // A row of no height that makes every part as wide as the whole table.
};

Tabular tabular_of(const Table& table) {
  Tabular tabular;
  std::vector<std::string> widest;
  for (const Column& column : table.columns) {
    tabular.alignment += column.numbers ? 'r' : 'l';
    widest.push_back(latex_escape(column.name));
  }
  tabular.names = join(widest, " & ");
  for (const std::vector<Cell>& row : table.rows) {
    std::vector<std::string> cells;
    for (size_t i = 0; i < row.size(); ++i) {
      cells.push_back(latex_cell(row[i]));
      if (cells[i].size() > widest[i].size()) widest[i] = cells[i];
    }
    // The {} keeps a '[' from being read as an option of \\.
    tabular.rows.push_back("{}" + join(cells, " & ") + " \\\\\n");
  }
  for (std::string& cell : widest) cell = "\\hphantom{" + cell + "}";
  tabular.widths = join(widest, " & ") + " \\\\[-\\normalbaselineskip]\n";
  return tabular;
}

// The rows from first to last - 1 as a box, shrunk to the line where it is wider.
std::string shrunk(const Tabular& tabular, size_t first, size_t last) {
  std::string lines;
  for (size_t row = first; row < last; ++row) lines += tabular.rows[row];
  return fmt::format(R"(\medskip
\sbox0{{\begin{{tabular}}{{{}}}
\toprule
{} \\
\midrule
{}\bottomrule
\end{{tabular}}}}
\ifdim\wd0>\linewidth\resizebox{{\linewidth}}{{!}}{{\usebox0}}\else\usebox0\fi
)",
                     tabular.alignment, tabular.names,
                     lines + (last - first < tabular.rows.size() ? tabular.widths : ""));
}

std::string notes_latex(const Table& table) {
  std::string notes = table.notes.empty() ? "" : "\\par\\raggedright\\footnotesize\n";
  for (const std::string& note : table.notes) {
    notes += "\\par\\smallskip " + latex_escape(note) + "\n";
  }
  return notes;
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
  const Tabular tabular = tabular_of(table);
  const std::string title = latex_escape(table.title);
  const std::string label = fmt::format("\\label{{tab:{}}}\n", table.slug);
  std::string out = "% \\usepackage[T1]{fontenc} \\usepackage{textcomp,booktabs,graphicx}\n";
  const size_t rows = table.rows.size();
  if (rows <= kRowsOfFloat) {
    return out + "\\begin{table}[!htbp]\n\\centering\n\\caption{" + title + "}\n" + label +
           shrunk(tabular, 0, rows) + notes_latex(table) + "\\end{table}\n";
  }
  const size_t parts = (rows + kRowsOfPart - 1) / kRowsOfPart;
  for (size_t part = 0; part < parts; ++part) {
    out +=
        "\\par\\noindent\\begin{minipage}{\\linewidth}\n\\centering\n"
        "\\expandafter\\def\\csname @captype\\endcsname{table}\n";
    out += part == 0 ? "\\caption{" + title + "}\n" + label
                     : "\\addtocounter{table}{-1}\n\\caption[]{" + title + " (continued)}\n";
    out += shrunk(tabular, rows * part / parts, rows * (part + 1) / parts);
    if (part + 1 == parts) out += notes_latex(table);
    out += "\\end{minipage}\\par\\bigskip\n";
  }
  return out;
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
