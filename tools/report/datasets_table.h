// The data sets (Table 4 of the paper): for people, and in full precision as CSV.
#pragma once

#include <string>
#include <vector>

#include "db/rows.h"
#include "tools/report/paper.h"
#include "tools/report/table.h"

namespace seqsweep {

// Users, items, interactions, mean length and density of every data set that a run was done on;
// the paper's figures beside, when it has one of them. The paper's data sets come first.
Table datasets_table(const std::vector<DatasetRow>& datasets, const Paper& paper);
std::string datasets_csv(const std::vector<DatasetRow>& datasets, const Paper& paper);

}  // namespace seqsweep
