// A results database as a folder of MLflow's file store (mlruns).
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "db/database.h"

namespace seqsweep {

// Makes `folder`, which must be new: an experiment a sweep, FOLDER/EXPERIMENT/RUN with meta.yaml,
// params, metrics and tags. Returns how many runs it has; those without an attempt are left out.
int64_t export_mlflow(Database& database, const std::filesystem::path& folder, int64_t now_ms);

// A name as MLflow allows it, '/' between its parts, and harmless as a path below a folder:
// "validation/ndcg@10" is "validation/ndcg_10", as the column of the view results.
std::string mlflow_name(std::string_view name);

}  // namespace seqsweep
