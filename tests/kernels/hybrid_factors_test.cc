#include "kernels/hybrid_factors.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/base/random.h"
#include "tests/support/golden.h"

namespace seqsweep {
namespace hybrid_factors_test {

using Json = nlohmann::json;

FeatureRows rows_of(const Json& rows, int64_t features) {
  FeatureRows all;
  all.features_in_all = features;
  for (const Json& row : rows) {
    for (const Json& feature : row) {
      all.features.push_back(feature[0]);
      all.weights.push_back(feature[1]);
    }
    all.offsets.push_back(static_cast<int64_t>(all.features.size()));
  }
  return all;
}

FactorData data_of(const Json& features, const Json& interactions) {
  FactorData data{.users = rows_of(features["users"], features["user_features"]),
                  .items = rows_of(features["items"], features["item_features"])};
  data.users_are_histories = features["users_are_histories"];
  for (const Json& row : interactions) {
    data.interactions.push_back({row[0], row[1], row[2].get<int>() == 1});
  }
  return data;
}

FactorLoss loss_named(const std::string& name) {
  if (name == "logistic") return FactorLoss::Logistic;
  if (name == "bpr") return FactorLoss::Bpr;
  return name == "warp" ? FactorLoss::Warp : FactorLoss::KosWarp;
}

template <typename T>
void expect_numbers(const std::vector<T>& ours, const Json& rows, double tolerance) {
  size_t i = 0;
  for (const Json& row : rows) {
    for (const Json& number : row) {
      ASSERT_LT(i, ours.size());
      EXPECT_NEAR(ours[i], number.get<double>(), tolerance) << "number " << i;
      ++i;
    }
  }
  EXPECT_EQ(i, ours.size());
}

// tests/golden/make_lightfm.py: the package's rules in NumPy, with the same draws.
template <typename T>
void expect_golden_factors(double tolerance) {
  const Json golden = read_golden("lightfm");
  const Json& given = golden["settings"];
  ASSERT_EQ(golden["cases"].size(), 16U);
  for (const Json& one : golden["cases"]) {
    const std::string features = one["features"];
    SCOPED_TRACE(features + " " + one["loss"].get<std::string>());
    const FactorData data = data_of(golden["features"][features], golden["interactions"]);
    const FactorSettings settings{
        .width = given["width"],
        .loss = loss_named(one["loss"]),
        .rates = one["rates"] == "adagrad" ? FactorRates::AdaGrad : FactorRates::AdaDelta,
        .learning_rate = given["learning_rate"],
        .rho = given["rho"],
        .eps = given["eps"],
        .max_sampled = given["max_sampled"],
        .kos_k = given["k"],
        .kos_n = given["n"]};
    HybridFactors<T> factors(settings, data, given["seed"]);
    for (int64_t epoch = 0; epoch < given["epochs"]; ++epoch) factors.train_epoch(epoch, 1);
    expect_numbers(factors.user_features(), one["user_table"], tolerance);
    expect_numbers(factors.items(), one["items"], tolerance);
  }
}

TEST(HybridFactors, FollowThePackagesRulesInFloat64) {
  // Weights are float32.
  expect_golden_factors<double>(1e-8);
}
TEST(HybridFactors, FollowThePackagesRulesInFloat32) {
  expect_golden_factors<float>(1e-5);
}
TEST(HybridFactors, GoldenIsRemade) {
  expect_golden_is_remade("lightfm", "numpy");
}

// Users of four kinds, who have the items of their kind.
FactorData four_kinds(int32_t users, int32_t items) {
  FactorData data{.users = FeatureRows::identity(users), .items = FeatureRows::identity(items)};
  Rng rng(9);
  for (int32_t user = 0; user < users; ++user) {
    for (int32_t item = 0; item < items; ++item) {
      if (item % 4 == user % 4 && rng.uniform() < 0.5) data.interactions.push_back({user, item});
    }
  }
  return data;
}

// How often an item of a user's kind scores above one of another.
double auc_of(const HybridFactors<float>& factors, const FactorData& data, int64_t width) {
  const std::vector<float> users = factors.user_features(), items = factors.items();
  const auto score = [&](int64_t user, int64_t item) {
    const float *u = users.data() + user * (width + 1), *i = items.data() + item * (width + 1);
    float sum = i[width];
    for (int64_t j = 0; j < width; ++j) sum += u[j] * i[j];
    return sum;
  };
  int64_t above = 0, pairs = 0;
  for (int64_t user = 0; user < data.users.rows(); ++user) {
    for (int64_t mine = user % 4; mine < data.items.rows(); mine += 4) {
      for (int64_t other = 0; other < data.items.rows(); ++other) {
        if (other % 4 == user % 4) continue;
        ++pairs;
        above += score(user, mine) > score(user, other);
      }
    }
  }
  return static_cast<double>(above) / static_cast<double>(pairs);
}

TEST(HybridFactors, LearnWhatUsersHaveInCommon) {
  const FactorData data = four_kinds(40, 60);
  for (const FactorLoss loss : {FactorLoss::Bpr, FactorLoss::Warp, FactorLoss::KosWarp}) {
    for (const FactorRates rates : {FactorRates::AdaGrad, FactorRates::AdaDelta}) {
      HybridFactors<float> factors({.width = 5, .loss = loss, .rates = rates}, data, 1);
      EXPECT_LT(auc_of(factors, data, 5), 0.7);
      for (int epoch = 0; epoch < 40; ++epoch) factors.train_epoch(epoch, 1);
      EXPECT_GT(auc_of(factors, data, 5), 0.9) << static_cast<int>(loss);
    }
  }
}

TEST(HybridFactors, OneThreadGivesTheSameBitsAndTheSeedDecides) {
  const FactorData data = four_kinds(40, 60);
  const auto train = [&](uint64_t seed) {
    HybridFactors<float> factors({}, data, seed);
    for (int epoch = 0; epoch < 3; ++epoch) factors.train_epoch(epoch, 1);
    return factors.items();
  };
  EXPECT_EQ(train(1), train(1));
  EXPECT_NE(train(1), train(2));
}

// Where users and items are many, what a user had is looked up in another way.
TEST(HybridFactors, UsersWithoutInteractionsChangeNothing) {
  const FactorData few = four_kinds(40, 600);
  FactorData many = few;
  many.users = FeatureRows::identity(500'000);
  const auto train = [](const FactorData& data) {
    HybridFactors<float> factors({.width = 3}, data, 1);
    for (int epoch = 0; epoch < 10; ++epoch) factors.train_epoch(epoch, 1);
    return factors.items();
  };
  EXPECT_EQ(train(few), train(many));
}

TEST(HybridFactors, ThreadsTogetherLearnAsWell) {
  const FactorData data = four_kinds(40, 60);
  HybridFactors<float> factors({.width = 5}, data, 1);
  for (int epoch = 0; epoch < 40; ++epoch) factors.train_epoch(epoch, 3);
  EXPECT_GT(auc_of(factors, data, 5), 0.9);
}

}  // namespace hybrid_factors_test
}  // namespace seqsweep
