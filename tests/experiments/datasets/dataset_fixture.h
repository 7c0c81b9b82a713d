// Data sets made as a sweep makes them: by name and settings, from files in a data folder.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/data/prepare.h"
#include "core/data/registry.h"
#include "tests/support/raw_folder.h"

namespace seqsweep {

class Datasets : public ::testing::Test {
 protected:
  void SetUp() override { ::setenv("SEQSWEEP_CACHE", cache_.path().c_str(), 1); }
  void TearDown() override { ::unsetenv("SEQSWEEP_CACHE"); }

  std::shared_ptr<const CachedDataset> make(const Json& spec,
                                            const std::filesystem::path& data_dir) {
    return std::dynamic_pointer_cast<const CachedDataset>(
        datasets().make(spec, {.data_dir = data_dir}));
  }
  std::shared_ptr<const CachedDataset> make(const Json& spec) { return make(spec, data_.path()); }

  RawFolder cache_, data_;
};

// With the real files of a data set in SEQSWEEP_DATA, or in shared/data beside the project; skipped
// where they are not there.
class RealDatasets : public Datasets {
 protected:
  explicit RealDatasets(const char* folder) : folder_(folder) {
    const char* chosen = std::getenv("SEQSWEEP_DATA");
    real_ = chosen && *chosen
                ? std::filesystem::path(chosen)
                : std::filesystem::path(SEQSWEEP_SOURCE_DIR).parent_path() / "shared" / "data";
  }
  void SetUp() override {
    Datasets::SetUp();
    if (!std::filesystem::exists(real_ / folder_)) {
      GTEST_SKIP() << "no " << real_ / folder_ << ": set SEQSWEEP_DATA to a folder that has it";
    }
  }

  const char* folder_;
  std::filesystem::path real_;
};

// "users/items/interactions".
inline std::string size_of(const Dataset& dataset) {
  return fmt::format("{}/{}/{}", dataset.users(), dataset.items(), dataset.interactions());
}

inline std::string raw_size_of(const CachedDataset& dataset) {
  const Preparation& raw = dataset.preparation();
  return fmt::format("{}/{}/{}", raw.raw_users, raw.raw_items, raw.raw_interactions);
}

// Raw ids of a user's items, oldest first.
inline std::vector<std::string> keys_of(const Dataset& dataset, int64_t user) {
  std::vector<std::string> keys;
  for (const int32_t item : dataset.sequence(user)) keys.emplace_back(dataset.item_key(item));
  return keys;
}

inline int64_t titled_items(const Dataset& dataset) {
  int64_t titled = 0;
  for (int64_t item = 0; item < dataset.items(); ++item) titled += !dataset.title(item).empty();
  return titled;
}

}  // namespace seqsweep
