// The results on one data set (Tables 1-3 of the paper), a row a model: for people, and in full
// precision as CSV.
#pragma once

#include <string>
#include <vector>

#include "tools/report/results.h"
#include "tools/report/table.h"

namespace seqsweep {

// HT@10, NDCG@10, MRR@10 (mean ± standard deviation over seeds), latency with its interval,
// tokens/s where there are language models, parameters; the best of a column marked, ties too; the
// paper's figures beside, where it has the data set. The notes say which runs are missing, and why.
Table results_table(const DatasetResults& results);
std::string results_csv(const DatasetResults& results);

}  // namespace seqsweep
