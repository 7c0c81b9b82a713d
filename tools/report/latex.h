// Tables as LaTeX with booktabs, for pdflatex.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tools/report/table.h"

namespace seqsweep {

// The text as LaTeX prints it literally. Characters that pdflatex with T1 fonts lacks become
// [U+4E2D], so that no title can stop a document from compiling.
std::string latex_escape(std::string_view text);

// A float; one that would run off the page becomes parts in the text, between which pages may break
// (as in a longtable, which cannot shrink what is wider than the page). Needs the packages
// textcomp, booktabs and graphicx, and T1 fonts.
std::string latex(const Table& table);

// A document that shows the files (names without folder).
std::string latex_document(const std::vector<std::string>& files);

}  // namespace seqsweep
