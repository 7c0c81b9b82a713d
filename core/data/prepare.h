// From raw files to an open data set: read, k-core, order by time, cache. Later calls, of any
// process, open the cache.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/base/config.h"
#include "core/data/cache.h"
#include "core/data/interaction_table.h"
#include "core/data/title_table.h"

namespace seqsweep {

// The settings that every data set has.
struct PrepareSettings {
  int64_t core = 5;
  int64_t max_length = 50;
  TieRule ties = TieRule::FileOrder;
  double malformed_share = 0.01;

  void fields(auto&& field) {
    field("core", core,
          "users and items with fewer interactions are dropped until none are left; users need 3 "
          "in any case",
          at_least(0));
    field("max_length", max_length, "a model sees at most this many of a user's last items",
          at_least(1));
    field("ties", ties, "order of a user's interactions of the same time");
    field("malformed_share", malformed_share, "part of a file's rows that may be malformed",
          between(0, 1));
  }
};

// Where interactions and titles come from.
struct Source {
  std::string name;                          // Of the data set.
  std::vector<std::filesystem::path> files;  // Raw files: a change of their content is noticed.
  Json reader;  // All else that decides what is read (columns, a generator's seed).
  // Fills and finishes the table, returns the number of malformed rows.
  std::function<int64_t(InteractionTable&, double malformed_share)> interactions;
  std::function<int64_t(TitleTable&, double malformed_share)> titles;  // May be empty.
};

// Throws Error: Fault::Input when raw files are missing or malformed or nothing is left of them,
// Fault::World when the cache cannot be written. Any number of processes may call it at once: one
// prepares. The cache lies in `SEQSWEEP_CACHE`, else in `data_dir`/cache when that can be written,
// else in seqsweep of the user's cache folder.
std::shared_ptr<const CachedDataset> open_or_prepare(const Source& source,
                                                     const PrepareSettings& settings,
                                                     const std::filesystem::path& data_dir);

// Table 4's row of a data set.
struct DatasetStatistics {
  int64_t users = 0, items = 0, interactions = 0;
  double mean_length = 0;  // Interactions a user.
  double density = 0;      // Interactions / (users x items), in 0 .. 1.
};
DatasetStatistics statistics_of(const Dataset& dataset);

}  // namespace seqsweep
