// Tests of significance: every row of a data set against its best, from the ranks of its test
// users.
#pragma once

#include "db/database.h"
#include "tools/report/results.h"

namespace seqsweep {

// Fills against_best of each row. The same ranks give the same figures: the draws are seeded.
void compare_with_best(Database& database, DatasetResults& results);

// "‡" for p < 0.01, "†" for p < 0.05, else "".
std::string significance_mark(double p);

}  // namespace seqsweep
