// Data sets as a sweep file names them: one file each in experiments/datasets.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "core/base/registry.h"
#include "core/data/dataset.h"
#include "core/data/fetch.h"

namespace seqsweep {

struct DatasetContext {
  std::filesystem::path data_dir;  // Raw and cached files: data_dir of the sweep, or SEQSWEEP_DATA.
};

// Making a data set opens its cache, and prepares it first when it is missing or its raw files
// changed.
using DatasetRegistry = Registry<std::shared_ptr<const Dataset>, const DatasetContext&>;
DatasetRegistry& datasets();

// How to get the raw files of those data sets that live in data_dir/<name>.
std::map<std::string, FetchRecipe>& fetch_recipes();

// Brings the raw files of a registered data set into `data_dir` (see fetch.h); nothing is to be
// done for one that is made up or named by its path. Throws Error as fetch().
void fetch_dataset(const std::string& name, const std::filesystem::path& data_dir,
                   const std::optional<std::filesystem::path>& raw);

template <ConfigStruct Config>
struct RegisterDataset {
  RegisterDataset(std::string name, std::string summary,
                  std::shared_ptr<const Dataset> (*make)(const Config&, const DatasetContext&)) {
    datasets().add<Config>(std::move(name), std::move(summary), make);
  }
  RegisterDataset(std::string name, std::string summary,
                  std::shared_ptr<const Dataset> (*make)(const Config&, const DatasetContext&),
                  FetchRecipe recipe)
      : RegisterDataset(name, std::move(summary), make) {
    fetch_recipes().emplace(std::move(name), std::move(recipe));
  }
};

}  // namespace seqsweep
