// A run's folder on the command line: what evaluate and recommend have in common.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "worker/model_file.h"

namespace seqsweep {

struct TrainedModelOptions {
  std::string folder, data_dir, device = "cpu";
  bool json = false;

  void add_to(CLI::App& command);
  LoadedModel load() const;  // Throws Error (Fault::Input).
};

}  // namespace seqsweep
