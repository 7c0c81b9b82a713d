// How sure the figures of a data set are: a row a model and metric, for people and as CSV.
#pragma once

#include <string>

#include "tools/report/results.h"
#include "tools/report/table.h"

namespace seqsweep {

// Mean over users and runs with its 95 % interval, spread over seeds, and against the best model:
// difference with its interval, effect size, p-values. Without rows where nothing was tested.
Table statistics_table(const DatasetResults& results);
std::string statistics_csv(const DatasetResults& results);

}  // namespace seqsweep
