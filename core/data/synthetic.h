// Made-up interactions of any size: users whose taste drifts between neighbouring topics, items
// with Zipf popularity inside their topic. What comes next can be learnt from what came before.
#pragma once

#include <cstdint>

#include "core/base/config.h"
#include "core/data/interaction_table.h"
#include "core/data/title_table.h"

namespace seqsweep {

struct SyntheticConfig {
  int64_t users = 1000;
  int64_t items = 500;
  double mean_length = 30;
  int64_t topics = 20;
  int64_t seed = 1;

  void fields(auto&& field) {
    field("users", users, "users made, before the k-core", between(1, 2e9));
    field("items", items, "items made, before the k-core", between(1, 2e9));
    field("mean_length", mean_length, "mean interactions a user; 5 at least", at_least(5));
    field("topics", topics, "groups of items that users move between", at_least(1));
    field("seed", seed, "another seed gives other data");
  }
};

// The same for the same config, on every machine. A rating is 1 to 5; times are Unix times.
void make_synthetic_interactions(const SyntheticConfig& config, InteractionTable& table);
void make_synthetic_titles(const SyntheticConfig& config, TitleTable& table);

}  // namespace seqsweep
