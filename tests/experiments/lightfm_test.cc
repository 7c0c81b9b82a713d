#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/train/model.h"
#include "core/train/score_ranking.h"
#include "tests/support/packed.h"
#include "tests/support/tiny_dataset.h"

namespace seqsweep {
namespace {

using torch::Tensor;

// Users of three kinds, who mostly take items of their kind, the popular ones first.
class KindsData : public TinyDataset {
 public:
  static constexpr int kUsers = 90, kItems = 60, kKinds = 3;
  KindsData() : TinyDataset(sequences(), kItems, 50) {}
  std::span<const float> ratings(int64_t user) const override {
    return {ratings_.data(), sequence(user).size()};
  }
  std::string_view title(int64_t item) const override { return titles_[item % kKinds]; }

 private:
  static std::vector<std::vector<int32_t>> sequences() {
    Rng rng(3);
    std::vector<std::vector<int32_t>> all(kUsers);
    for (int user = 0; user < kUsers; ++user) {
      std::vector<bool> had(kItems);
      while (all[user].size() < 12) {
        const auto kind = static_cast<int>(rng.uniform() < 0.9 ? user % kKinds : rng.below(kKinds));
        const double popular = rng.uniform() * rng.uniform();
        const int item = kind + kKinds * static_cast<int>(popular * (kItems / kKinds));
        if (had[item]) continue;
        had[item] = true;
        all[user].push_back(item);
      }
    }
    return all;
  }
  std::vector<float> ratings_ = {5, 4, 1, 5, 3, 5, 4, 2, 5, 5, 5, 5};
  std::vector<std::string> titles_ = {"The Blue One", "Red: a story", "red & GREEN"};
};

std::shared_ptr<FittedModel> new_lightfm(Json settings, const Dataset& data, uint64_t seed = 1) {
  settings["name"] = "lightfm";
  return std::dynamic_pointer_cast<FittedModel>(
      models().make(settings, ModelContext{data, torch::kCPU, seed}));
}

std::shared_ptr<FittedModel> fitted_lightfm(const Json& settings, const Dataset& data,
                                            uint64_t seed = 1) {
  auto model = new_lightfm(settings, data, seed);
  EXPECT_TRUE(model->fit(data, [] { return true; }));
  return model;
}

// How many users have their test item among the ten best of all they did not have.
double hit_rate(FittedModel& model, const Dataset& data) {
  int64_t hits = 0;
  for (int64_t user = 0; user < data.users(); ++user) {
    const History history = data.history(user, Split::Test);
    const int32_t target = data.target(user, Split::Test);
    hits += rank_targets(model.scores({&history, 1}), {&target, 1})[0] < 10;
  }
  return static_cast<double>(hits) / static_cast<double>(data.users());
}

TEST(LightFM, FindsWhatUsersWillLike) {
  const KindsData data;
  for (const char* loss : {"warp", "bpr", "warp-kos", "logistic"}) {
    for (const char* users : {"history", "identity"}) {
      const Json settings{{"loss", loss}, {"user_features", users}};
      EXPECT_GT(hit_rate(*fitted_lightfm(settings, data), data), 0.3) << loss << " " << users;
    }
  }
  EXPECT_LT(hit_rate(*new_lightfm({}, data), data), 0.3);  // Not fitted.
  EXPECT_GT(hit_rate(*fitted_lightfm({{"item_features", "title"}}, data), data), 0.3);
  EXPECT_GT(hit_rate(*fitted_lightfm({{"learning_schedule", "adadelta"}}, data), data), 0.3);
  EXPECT_GT(hit_rate(*fitted_lightfm({{"threads", 3}}, data), data), 0.3);
  EXPECT_GT(hit_rate(*fitted_lightfm({{"positive_rating", 4}}, data), data), 0.3);
}

// The worst recommendation is what ORPO takes as the loser of a pair.
TEST(LightFM, ItsWorstItemsAreRarelyWhatUsersTakeNext) {
  const KindsData data;
  const auto model = fitted_lightfm({}, data);
  int64_t worst_hits = 0, uniform_hits = 0;
  Rng rng(7);
  for (int64_t user = 0; user < data.users(); ++user) {
    const History known = data.history(user, Split::Train), all = data.sequence(user);
    const auto lists = top_items(model->scores({&known, 1}), data.items(), {&known, 1});
    const int32_t worst = lists[0].back().item;
    EXPECT_EQ(std::ranges::count(known, worst), 0);
    const auto hits = [&](int32_t item) { return std::ranges::count(all.last(2), item); };
    worst_hits += hits(worst);
    for (int draw = 0; draw < 20; ++draw) {
      int32_t item = 0;
      do item = static_cast<int32_t>(rng.below(data.items()));
      while (std::ranges::count(known, item) > 0);
      uniform_hits += hits(item);
    }
  }
  EXPECT_LT(20 * worst_hits, uniform_hits / 2);
}

TEST(LightFM, OneThreadGivesTheSameBitsAndTheSeedDecides) {
  const KindsData data;
  const auto items = [&](uint64_t seed) {
    return fitted_lightfm({{"epochs", 3}}, data, seed)->named_parameters()["items"];
  };
  EXPECT_TRUE(torch::equal(items(1), items(1)));
  EXPECT_FALSE(torch::equal(items(1), items(2)));
}

TEST(LightFM, StopsBetweenEpochsWhenAsked) {
  const KindsData data;
  const auto model = new_lightfm({{"epochs", 1000000}}, data);
  int asked = 0;
  EXPECT_FALSE(model->fit(data, [&] { return ++asked < 4; }));
  EXPECT_EQ(asked, 4);
}

TEST(LightFM, AScoreIsTheProductOfTheHistoryAndTheItem) {
  const KindsData data;
  const auto model = fitted_lightfm({{"width", 4}, {"seen", "scored"}}, data);
  const Tensor users = model->named_parameters()["users"],
               items = model->named_parameters()["items"];
  const std::vector<int32_t> history{5, 9, 5};  // What a user had twice counts once.
  const History view = history;
  const Tensor user = (users[5] + users[9]) / std::sqrt(2.0);
  const Tensor expected =
      items.narrow(1, 0, 4).mv(user.narrow(0, 0, 4)) + items.select(1, 4) + user[4];
  expect_close({model->scores({&view, 1})[0]}, {expected}, 1e-6);
}

TEST(LightFM, WhatAUserHadRanksLast) {
  const KindsData data;
  const auto model = fitted_lightfm({}, data);
  const History history = data.history(0, Split::Test);
  const Tensor scores = model->scores({&history, 1})[0];
  for (const int32_t item : history) EXPECT_TRUE(std::isinf(scores[item].item<float>()));
  EXPECT_EQ(scores.isinf().sum().item<int64_t>(), std::ssize(history));
}

TEST(LightFM, IdentityKnowsItsUsersByTheirHistories) {
  const KindsData data;
  const auto model = fitted_lightfm({{"user_features", "identity"}, {"seen", "scored"}}, data);
  const std::vector<History> histories{data.history(4, Split::Train), data.history(4, Split::Test),
                                       data.sequence(4), data.history(5, Split::Train)};
  const Tensor scores = model->scores(histories);
  EXPECT_TRUE(torch::equal(scores[0], scores[1]));
  EXPECT_TRUE(torch::equal(scores[0], scores[2]));
  EXPECT_FALSE(torch::equal(scores[0], scores[3]));
  const std::vector<int32_t> unknown{1, 2, 3};
  const History view = unknown;
  expect_error([&] { model->scores({&view, 1}); }, {"user_features: identity", "3 items"});
}

TEST(LightFM, CountsItsParametersAsEmbeddings) {
  const KindsData data;
  const auto model = new_lightfm({{"user_features", "identity"}}, data);
  EXPECT_EQ(model->embedding_parameters(), (90 + 60) * 11);
  int64_t all = 0;
  for (const Tensor& parameter : model->parameters()) {
    all += parameter.numel();
    EXPECT_FALSE(parameter.requires_grad());
  }
  EXPECT_EQ(all, model->embedding_parameters());
}

TEST(LightFM, RefusesWhatTheDataDoesNotHave) {
  const TinyDataset bare({{0, 1, 2, 3}, {3, 2, 1, 0}}, 5, 8);
  const auto refused = [&](const Json& settings, const std::string& word) {
    expect_error([&] { fitted_lightfm(settings, bare); }, {"model lightfm", word});
  };
  refused({{"item_features", "title"}}, "needs titles");
  refused({{"positive_rating", 4}}, "needs ratings");
}

}  // namespace
}  // namespace seqsweep
