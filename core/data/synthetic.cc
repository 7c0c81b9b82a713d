#include "core/data/synthetic.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "core/base/random.h"

namespace seqsweep {
namespace {

enum Purpose : uint64_t { kOfInteractions, kOfTitles };

constexpr int64_t kShortest = 5;
constexpr double kDrift = 0.15;    // Chance to move on to the next topic before an interaction.
constexpr double kExplore = 0.10;  // Chance of an item of any topic.
constexpr int64_t kFirstTime_s = 1'500'000'000;
constexpr int64_t kYear_s = 31'536'000;
constexpr int64_t kMeanPause_s = 86'400;
constexpr int64_t kMicroseconds = 1'000'000;

constexpr std::array kAdjectives = {"Silent",  "Golden", "Broken",  "Electric", "Hidden",
                                    "Crimson", "Lonely", "Endless", "Bright",   "Forgotten"};
constexpr std::array kNouns = {"River",   "Garden", "Engine", "Harbour", "Mirror",
                               "Orchard", "Signal", "Castle", "Winter",  "Voyage",
                               "Circus",  "Letter", "Island"};

// Item i belongs to topic i % topics and is the (i / topics)-th most popular there: Zipf with
// exponent 1, drawn by binary search in cumulated weights (plain IEEE sums: the same everywhere).
class ItemDraw {
 public:
  explicit ItemDraw(const SyntheticConfig& config)
      : topics_(std::min(config.topics, config.items)), items_(config.items) {
    const int64_t ranks = (items_ + topics_ - 1) / topics_;
    double sum = 0;
    for (int64_t rank = 0; rank < ranks; ++rank) {
      sum += 1.0 / static_cast<double>(rank + 1);
      cumulated_.push_back(sum);
    }
  }

  int64_t topics() const { return topics_; }

  int64_t draw(int64_t topic, Rng& rng) const {
    const int64_t ranks = (items_ - topic + topics_ - 1) / topics_;
    const auto end = cumulated_.begin() + ranks;
    const auto at = std::upper_bound(cumulated_.begin(), end, rng.uniform() * end[-1]);
    return std::min<int64_t>(at - cumulated_.begin(), ranks - 1) * topics_ + topic;
  }

 private:
  int64_t topics_, items_;
  std::vector<double> cumulated_;
};

// 5 and up, mean as configured: a square of a uniform number has mean 1/3 and a long tail.
int64_t draw_length(double mean, Rng& rng) {
  const double u = rng.uniform();
  return kShortest + static_cast<int64_t>((mean - kShortest) * 3 * u * u + rng.uniform());
}

}  // namespace

void make_synthetic_interactions(const SyntheticConfig& config, InteractionTable& table) {
  table.set_traits({.ratings = true, .times = Times::Unix});
  const ItemDraw items(config);
  const auto topics = static_cast<uint64_t>(items.topics());
  for (int64_t user = 0; user < config.users; ++user) {
    Rng rng(seed_of(static_cast<uint64_t>(config.seed), kOfInteractions, user));
    const std::string user_key = fmt::format("u{}", user + 1);
    const auto home = static_cast<int64_t>(rng.below(topics));
    int64_t topic = home;
    auto time_s = kFirstTime_s + static_cast<int64_t>(rng.below(kYear_s));
    for (int64_t left = draw_length(config.mean_length, rng); left > 0; --left) {
      if (rng.uniform() < kDrift) topic = (topic + 1) % items.topics();
      const bool explores = rng.uniform() < kExplore;
      const auto from = explores ? static_cast<int64_t>(rng.below(topics)) : topic;
      const int64_t item = items.draw(from, rng);
      const auto pleased = static_cast<float>(rng.below(from == home ? 2 : 4));
      const std::string item_key = fmt::format("i{}", item + 1);
      table.add({.user = user_key,
                 .item = item_key,
                 .rating = 5 - pleased,
                 .time_us = time_s * kMicroseconds});
      time_s += static_cast<int64_t>(rng.below(2 * kMeanPause_s));
    }
  }
  table.finish();
}

void make_synthetic_titles(const SyntheticConfig& config, TitleTable& table) {
  const ItemDraw items(config);
  for (int64_t item = 0; item < config.items; ++item) {
    Rng rng(seed_of(static_cast<uint64_t>(config.seed), kOfTitles, item));
    const auto topic = static_cast<size_t>(item % items.topics());
    table.add(fmt::format("i{}", item + 1),
              fmt::format("{} {} {}", kAdjectives[rng.below(kAdjectives.size())],
                          kNouns[topic % kNouns.size()], item + 1));
  }
}

}  // namespace seqsweep
