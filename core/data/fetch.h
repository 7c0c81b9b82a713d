// Gets the raw files of a data set: the code behind `seqsweep data prepare NAME [--raw PATH]`.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/data/raw_files.h"

namespace seqsweep {

struct Download {
  std::string url;                   // Or "pip:recbole==1.2.1": the wheel of a Python package.
  std::string file;                  // The name it is kept under.
  std::string checksum;              // "sha256:..." or "md5:..."; "" where nobody publishes one.
  std::vector<std::string> members;  // Of a zip archive: what is taken out. None: the file is kept.
};

struct FetchRecipe {
  RawNames files;
  std::vector<Download> downloads;  // None: only --raw brings the files.
};

// Brings the raw files into data_dir/<dataset>: copied from `raw` (a folder or one file) when it is
// given, else downloaded unless they are there. A download that broke off goes on where it stopped;
// one with a wrong checksum is set aside under the name FILE.wrong. Throws Error: Fault::Input when
// `raw` has none of the files, Fault::World when a download fails or its checksum is wrong.
void fetch(const std::string& dataset, const FetchRecipe& recipe,
           const std::filesystem::path& data_dir, const std::optional<std::filesystem::path>& raw);

}  // namespace seqsweep
