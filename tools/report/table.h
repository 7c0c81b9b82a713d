// A table as people read it, before any format: what Markdown and LaTeX are made from. Texts are
// raw: every format escapes them itself.
#pragma once

#include <string>
#include <vector>

namespace seqsweep {

struct Column {
  std::string name;
  bool numbers = true;  // Aligned to the right.
};

struct Cell {
  std::string text;    // "0.0480"; "": there is none.
  std::string spread;  // "± 0.0012" or "[0.11, 0.13]"; never bold.
  bool best = false;   // Of its column.
  std::string mark;    // "†", behind the text; a note explains it.
};

struct Table {
  std::string slug;     // For file names and labels: only a-z, A-Z, 0-9, '-', '_' and '.'.
  std::string title;    // "MovieLens-1M"
  int paper_table = 0;  // The number it has in the paper; 0: it is not there.
  std::vector<Column> columns;
  std::vector<std::vector<Cell>> rows;
  std::vector<std::string> notes;  // Below it, a sentence each.
};

}  // namespace seqsweep
