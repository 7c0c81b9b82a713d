// Hybrid matrix factorisation by stochastic gradients: LightFM (Kula 2015), with the update rules
// of its package. A user and an item are sums of the vectors of their features, each with a bias; a
// score is their product plus both biases. On the CPU, without torch. Legend: U users, V items, D
// width.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace seqsweep {

enum class FactorLoss {
  Logistic,  // Of positive and negative interactions.
  Bpr,       // A positive against an item of a random interaction (Rendle et al. 2009).
  Warp,      // Against the first of max_sampled items that scores within 1 of it, weighted by how
             // soon it came: an estimate of the positive's rank (Weston et al. 2011).
  KosWarp,   // WARP for the k-th best of n of the user's positives (Weston et al. 2013).
};
constexpr std::array<std::pair<FactorLoss, const char*>, 4> enum_names(FactorLoss) {
  return {{{FactorLoss::Logistic, "logistic"},
           {FactorLoss::Bpr, "bpr"},
           {FactorLoss::Warp, "warp"},
           {FactorLoss::KosWarp, "warp-kos"}}};
}

enum class FactorRates { AdaGrad, AdaDelta };
constexpr std::array<std::pair<FactorRates, const char*>, 2> enum_names(FactorRates) {
  return {{{FactorRates::AdaGrad, "adagrad"}, {FactorRates::AdaDelta, "adadelta"}}};
}

struct FactorSettings {
  int64_t width = 10;
  FactorLoss loss = FactorLoss::Warp;
  FactorRates rates = FactorRates::AdaGrad;
  double learning_rate = 0.05;    // AdaGrad
  double rho = 0.95, eps = 1e-6;  // AdaDelta
  int64_t max_sampled = 10;
  int64_t kos_k = 5, kos_n = 10;
};

// Row r has features[i] with weights[i] for i in [offsets[r], offsets[r + 1]).
struct FeatureRows {
  int64_t features_in_all = 0;
  std::vector<int64_t> offsets{0};
  std::vector<int32_t> features;
  std::vector<float> weights;

  static FeatureRows identity(int64_t rows);  // Each row has a feature of its own.
  int64_t rows() const { return static_cast<int64_t>(offsets.size()) - 1; }
  void add_row(std::span<const int32_t> row, float weight);  // One weight for all.
};

struct Interaction {
  int32_t user = 0, item = 0;
  bool positive = true;
};

struct FactorData {
  FeatureRows users, items;
  std::vector<Interaction> interactions;
  // Users' features are the n items that they had, each with weight 1 / sqrt(n): the one that an
  // interaction is about is left out while it trains, as in FISM (Kabbur et al. 2013).
  bool users_are_histories = false;
};

template <typename T>
class HybridFactors {
 public:
  // `data` must outlive this. Vectors start uniformly in (-1/2, 1/2) / D, biases at 0.
  HybridFactors(const FactorSettings& settings, const FactorData& data, uint64_t seed);

  // All interactions in an order drawn from the seed and `epoch`. One thread: the same bits every
  // time. More: they share the vectors without locks (Niu et al. 2011), so that an update is lost
  // now and then and no two runs are alike.
  void train_epoch(int64_t epoch, int64_t threads);

  // [rows, D + 1]: the sums of the features' vectors, then of their biases.
  std::vector<T> user_features() const;  // One row a feature.
  std::vector<T> items() const;          // One row an item.

 private:
  struct Table {
    int64_t stride = 0;
    std::vector<T> numbers;  // A row a feature: vector and bias, then what the rates keep of them.
    T* row(int64_t feature) { return numbers.data() + feature * stride; }
    const T* row(int64_t feature) const { return numbers.data() + feature * stride; }
  };
  template <int64_t kPadded>
  class Worker;

  Table make_table(int64_t features, uint64_t seed) const;
  std::span<const int32_t> positives(int32_t user) const;

  FactorSettings settings_;
  const FactorData& data_;
  uint64_t seed_;
  int64_t padded_;  // D + 1 and zeros to whole vectors.
  Table users_, items_;
  bool own_items_;                         // Every item has one feature, its own.
  std::vector<int64_t> positive_offsets_;  // Of each user in `positives_`, sorted.
  std::vector<int32_t> positives_;
  // Bits of items that a user may have had, by item modulo their number: most of what a user did
  // not have is known by one look. All items have their own bit where there is room for that.
  int64_t filter_bits_;
  std::vector<uint64_t> filter_;
};

}  // namespace seqsweep
