// Data sets as a sweep file names them: one file each in experiments/datasets.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "core/base/registry.h"
#include "core/data/dataset.h"

namespace seqsweep {

struct DatasetContext {
  std::filesystem::path data_dir;  // Raw and cached files: data_dir of the sweep, or SEQSWEEP_DATA.
};

// Making a data set opens its cache, and prepares it first when it is missing or its raw files
// changed.
using DatasetRegistry = Registry<std::shared_ptr<const Dataset>, const DatasetContext&>;
DatasetRegistry& datasets();

template <ConfigStruct Config>
struct RegisterDataset {
  RegisterDataset(std::string name, std::string summary,
                  std::shared_ptr<const Dataset> (*make)(const Config&, const DatasetContext&)) {
    datasets().add<Config>(std::move(name), std::move(summary), make);
  }
};

}  // namespace seqsweep
