#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/nn/module.h>
#include <torch/nn/modules/linear.h>
#include <torch/optim/adam.h>
#include <torch/types.h>

#include <numeric>

#include "core/base/error.h"
#include "core/train/model.h"
#include "core/train/packing.h"
#include "tests/support/tiny_dataset.h"

namespace seqsweep {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using torch::Tensor;

std::shared_ptr<const TinyDataset> small_data() {
  return std::make_shared<TinyDataset>(
      std::vector<std::vector<int32_t>>{
          {0, 1, 2, 3, 4}, {5, 6, 7, 8, 9, 0, 1}, {3, 1, 4, 1, 5, 9, 2, 6, 5, 3}, {7, 7, 7}},
      10, 8);
}

const Json kSmallSASRec{{"name", "sasrec"},
                        {"width", 16},
                        {"inner_width", 32},
                        {"hidden_dropout", 0.0},
                        {"attention_dropout", 0.0}};

std::shared_ptr<torch::nn::Module> make_model(const Dataset& data, Json spec = kSmallSASRec) {
  return models().make(spec, ModelContext{data, torch::kCPU, 3});
}

std::unique_ptr<Task> make_task(std::shared_ptr<torch::nn::Module> model,
                                std::shared_ptr<const Dataset> data, Json settings = Json::object(),
                                uint64_t seed = 1) {
  settings["name"] = "next_item";
  return objectives().make(settings,
                           TaskContext{std::move(model), std::move(data), torch::kCPU, seed});
}

LossSum whole_epoch(Task& task, uint64_t seed = 1) {
  std::vector<int64_t> all(task.begin_epoch(0));
  std::iota(all.begin(), all.end(), 0);
  return task.loss(all, seed);
}

std::string input_error(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::Input);
    return error.what();
  }
  return "no error";
}

// States that are the items' own embeddings, which a test sets; claims not to be causal on demand.
class Lookup : public SequenceModel {
 public:
  Lookup(Tensor embedding_VD, bool causal)
      : embedding_(register_parameter("embedding", std::move(embedding_VD))), causal_(causal) {}
  Tensor encode(const PackedSequences& sequences) override {
    return embedding_.index_select(0, sequences.items_T);
  }
  Tensor item_embedding() override { return embedding_; }
  bool causal() const override { return causal_; }
  int64_t embedding_parameters() const override { return embedding_.numel(); }

 private:
  Tensor embedding_;
  bool causal_;
};

// ---- training ----

TEST(NextItem, PositionsAndPrefixesAreTheSameLoss) {
  const auto data = small_data();
  const auto model = make_model(*data);
  const LossSum positions = whole_epoch(*make_task(model, data, {{"rows", "positions"}}));
  const LossSum prefixes = whole_epoch(*make_task(model, data, {{"rows", "prefixes"}}));
  EXPECT_EQ(positions.count, 2 + 4 + 7);
  EXPECT_EQ(prefixes.count, positions.count);
  EXPECT_NEAR(prefixes.sum.item<double>(), positions.sum.item<double>(), 1e-4);
}

TEST(NextItem, LongHistoriesTrainEveryTargetOnce) {
  std::vector<int32_t> items(43);
  std::iota(items.begin(), items.end(), 0);
  const auto data = std::make_shared<TinyDataset>(std::vector<std::vector<int32_t>>{items}, 43, 6);
  const auto model = std::make_shared<Lookup>(torch::zeros({43, 4}), true);
  const LossSum loss = whole_epoch(*make_task(model, data));
  EXPECT_EQ(loss.count, 40);  // Items 1 to 40; 41 and 42 are held out.
  EXPECT_NEAR(loss.sum.item<double>(), 40 * std::log(43.0), 1e-3);
}

TEST(NextItem, TheOrderIsDrawnAnewEachEpochFromTheRunSeed) {
  const auto data = small_data();
  const auto model = make_model(*data);
  const auto first_losses = [&](uint64_t seed, int64_t epoch) {
    const auto task = make_task(model, data, {{"rows", "prefixes"}}, seed);
    const int64_t count = task->begin_epoch(epoch);
    std::vector<float> losses;
    for (int64_t i = 0; i < count; ++i)
      losses.push_back(task->loss(std::vector<int64_t>{i}, 1).sum.item<float>());
    return losses;
  };
  EXPECT_EQ(first_losses(1, 0), first_losses(1, 0));
  EXPECT_NE(first_losses(1, 0), first_losses(1, 1));
  EXPECT_NE(first_losses(1, 0), first_losses(2, 0));
}

TEST(NextItem, TheSameSeedGivesTheSameBits) {
  const auto data = small_data();
  const auto model = make_model(*data, {{"name", "sasrec"}});
  const auto train = [&](uint64_t seed) {
    model->zero_grad();
    const LossSum loss = whole_epoch(*make_task(model, data), seed);
    loss.sum.backward();
    std::vector<Tensor> gradients;
    for (const Tensor& parameter : model->parameters()) {
      gradients.push_back(parameter.grad().flatten().clone());
    }
    return torch::cat(gradients);
  };
  EXPECT_TRUE(torch::equal(train(1), train(1)));
  EXPECT_FALSE(torch::equal(train(1), train(2)));
}

TEST(NextItem, OverfitsOneBatch) {
  for (const char* loss_name : {"ce", "bce", "sampled_ce"}) {
    const auto data = small_data();
    const auto model = make_model(*data);
    const auto task = make_task(model, data, {{"loss", loss_name}});
    torch::optim::Adam adam(model->parameters(), torch::optim::AdamOptions(0.02));
    double first = 0, last = 0;
    for (int step = 0; step < 60; ++step) {
      adam.zero_grad();
      const LossSum loss = whole_epoch(*task, step);
      loss.sum.backward();
      adam.step();
      last = loss.sum.item<double>() / static_cast<double>(loss.count);
      if (step == 0) first = last;
    }
    EXPECT_LT(last, 0.3 * first) << loss_name;
  }
}

TEST(NextItem, BceDrawsItsNegativeFromItemsTheUserNeverHad) {
  // The user's training items are 0, 1, 2 of 4: the only negative is 3.
  const auto data =
      std::make_shared<TinyDataset>(std::vector<std::vector<int32_t>>{{0, 1, 2, 0, 1}}, 4, 8);
  torch::manual_seed(1);
  const Tensor e = torch::randn({4, 5});
  const auto task = make_task(std::make_shared<Lookup>(e, true), data, {{"loss", "bce"}});
  const auto pair = [&](int from, int to) {
    return torch::log_sigmoid(e[from].dot(e[to])) + torch::log_sigmoid(-e[from].dot(e[3]));
  };
  const LossSum loss = whole_epoch(*task);
  EXPECT_EQ(loss.count, 2);
  EXPECT_NEAR(loss.sum.item<float>(), -(pair(0, 1) + pair(1, 2)).item<float>(), 1e-5);
}

TEST(NextItem, BceNeedsANegative) {
  const auto data =
      std::make_shared<TinyDataset>(std::vector<std::vector<int32_t>>{{0, 0, 0, 0}}, 1, 8);
  const auto task = make_task(make_model(*data), data, {{"loss", "bce"}});
  EXPECT_THAT(input_error([&] { whole_epoch(*task); }), HasSubstr("use a loss that needs none"));
}

// Of two items, the one that is no row's target is drawn M/2 times in the mean; the loss knows it.
TEST(NextItem, SampledLossIsTheFullLossInTheMean) {
  const auto data =
      std::make_shared<TinyDataset>(std::vector<std::vector<int32_t>>{{0, 1, 1, 1, 0, 1}}, 2, 8);
  const auto model = std::make_shared<Lookup>(torch::tensor({{0.5F, 1.F}, {-1.F, 0.3F}}), true);
  const double full = whole_epoch(*make_task(model, data)).sum.item<double>();
  for (const double power : {0.0, 1.0}) {
    const auto task = make_task(
        model, data, {{"loss", "sampled_ce"}, {"negatives", 20000}, {"negatives_power", power}});
    const LossSum loss = whole_epoch(*task);
    EXPECT_EQ(loss.count, 3);
    EXPECT_NEAR(loss.sum.item<double>(), full, 0.02 * full) << power;
    EXPECT_NE(loss.sum.item<double>(), whole_epoch(*task, 2).sum.item<double>());
    EXPECT_EQ(loss.sum.item<double>(), whole_epoch(*task, 1).sum.item<double>());
  }
}

TEST(NextItem, AModelThatSeesTheFutureTrainsOnPrefixes) {
  const auto data = small_data();
  const auto model = std::make_shared<Lookup>(torch::randn({10, 4}), false);
  EXPECT_THAT(input_error([&] {
                make_task(model, data, {{"rows", "positions"}});
              }),
              HasSubstr("rows: prefixes"));
  EXPECT_EQ(make_task(model, data)->begin_epoch(0), 2 + 4 + 7);
  EXPECT_THAT(input_error([&] {
                make_task(model, data, {{"stride", 2}});
              }),
              HasSubstr("rows: positions"));
}

// A shorter stride trains the same pairs with longer contexts, in more windows.
TEST(NextItem, TheStrideDecidesHowManyWindowsTrainAHistory) {
  const auto data = std::make_shared<TinyDataset>(
      std::vector<std::vector<int32_t>>{{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2}}, 10, 4);
  const auto model = std::make_shared<Lookup>(torch::randn({10, 4}), true);
  for (const auto& [stride, windows] :
       std::vector<std::pair<int64_t, int64_t>>{{1, 7}, {3, 3}, {4, 3}}) {
    const auto task = make_task(model, data, {{"stride", stride}});
    ASSERT_EQ(task->begin_epoch(0), windows) << stride;
    std::vector<int64_t> all(static_cast<size_t>(windows));
    std::iota(all.begin(), all.end(), 0);
    EXPECT_EQ(task->loss(all, 1).count, 10);
  }
  EXPECT_THAT(input_error([&] {
                make_task(model, data, {{"stride", 5}});
              }),
              HasSubstr("max_length 4"));
}

TEST(NextItem, RefusesAModelThatIsNotOfSequences) {
  EXPECT_THAT(
      input_error([&] { make_task(std::make_shared<torch::nn::LinearImpl>(2, 2), small_data()); }),
      HasSubstr("item sequences"));
}

// ---- ranking ----

TEST(NextItem, RanksTargetsByTheStateAtTheLastItem) {
  // Item i scores 1 after item i-1, 0 elsewhere: user 0 (0 1 2 3 | 4) has rank 0 for both splits.
  const auto data = std::make_shared<TinyDataset>(
      std::vector<std::vector<int32_t>>{{0, 1, 2, 3, 4}, {0, 1, 2, 9, 0}}, 10, 8);
  class Successor : public Lookup {
   public:
    Successor() : Lookup(torch::eye(10), true) {}
    Tensor encode(const PackedSequences& sequences) override {
      return torch::eye(10).index_select(0, (sequences.items_T + 1).remainder(10));
    }
  };
  const auto task = make_task(std::make_shared<Successor>(), data);
  const std::vector<int64_t> users{0, 1};
  EXPECT_THAT(task->target_ranks(users, Split::Validation), ElementsAre(0, 9));
  EXPECT_THAT(task->target_ranks(users, Split::Test), ElementsAre(0, 0));
  const std::vector<int32_t> history{4, 5, 6};
  const std::vector<History> histories{history};
  EXPECT_EQ(task->recommend(histories, 3, Seen::Listed)[0][0].item, 7);
  EXPECT_EQ(task->recommend(histories, 3, Seen::Listed)[0].size(), 3U);
}

TEST(NextItem, LeavesOutWhatTheHistoryHasOnRequest) {
  const auto data = small_data();
  const auto task = make_task(std::make_shared<Lookup>(torch::eye(10), true), data);
  const std::vector<int32_t> first{2, 0, 2}, second{4};
  const std::vector<History> histories{first, second};
  const auto lists = task->recommend(histories, 3, Seen::LeftOut);
  const auto items = [&](size_t s) {
    return std::vector<int32_t>{lists[s][0].item, lists[s][1].item, lists[s][2].item};
  };
  EXPECT_THAT(items(0), ElementsAre(1, 3, 4));
  EXPECT_THAT(items(1), ElementsAre(0, 1, 2));
  EXPECT_EQ(task->recommend(histories, 3, Seen::Listed)[1][0].item, 4);
}

TEST(NextItem, TiesCountAgainstTheModel) {
  const auto data = small_data();
  const auto task = make_task(std::make_shared<Lookup>(torch::zeros({10, 4}), true), data);
  const std::vector<int64_t> users{2, 0};
  EXPECT_THAT(task->target_ranks(users, Split::Test), ElementsAre(9, 9));
}

TEST(NextItem, RanksDoNotDependOnTheOtherUsers) {
  const auto data = small_data();
  const auto model = make_model(*data);
  model->eval();
  const auto task = make_task(model, data);
  const std::vector<int64_t> users{0, 1, 2, 3};
  const auto together = task->target_ranks(users, Split::Test);
  for (const int64_t user : users) {
    EXPECT_EQ(task->target_ranks(std::vector<int64_t>{user}, Split::Test)[0], together[user]);
  }
}

TEST(NextItem, AOneItemCatalogueWorks) {
  const auto data =
      std::make_shared<TinyDataset>(std::vector<std::vector<int32_t>>{{0, 0, 0, 0}}, 1, 8);
  const auto task = make_task(make_model(*data), data);
  const LossSum loss = whole_epoch(*task);
  EXPECT_EQ(loss.count, 1);
  EXPECT_NEAR(loss.sum.item<float>(), 0, 1e-6);
  EXPECT_THAT(task->target_ranks(std::vector<int64_t>{0}, Split::Test), ElementsAre(0));
}

TEST(NextItem, RefusesHistoriesThatNoModelCanRead) {
  const auto data = small_data();
  const auto task = make_task(make_model(*data), data);
  const std::vector<int32_t> stranger{1, 10};
  EXPECT_THAT(
      input_error([&] { task->recommend(std::vector<History>{History()}, 5, Seen::Listed); }),
      HasSubstr("at least one item"));
  EXPECT_THAT(
      input_error([&] { task->recommend(std::vector<History>{stranger}, 5, Seen::Listed); }),
      HasSubstr("items are 0 to 9"));
}

}  // namespace
}  // namespace seqsweep
