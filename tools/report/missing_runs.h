// What is not done of the rows of a table or figure, as notes: a few however many rows miss
// something.
#pragma once

#include <string>
#include <vector>

#include "tools/report/results.h"

namespace seqsweep {

// "a: TEXT" for each row; of more than three rows one note, "7 rows: TEXT".
std::vector<std::string> notes_about(const std::vector<std::string>& rows, const std::string& text);

// Of the rows that are not done, how many runs are: "a: 1 of 3 runs done." `names`: of the rows, in
// their order.
std::vector<std::string> done_notes(const std::vector<const ModelResults*>& rows,
                                    const std::vector<std::string>& names);

// For a table: what its runs that are not done wait for, and why others failed.
std::vector<std::string> missing_runs(const DatasetResults& results);

}  // namespace seqsweep
