// Tasks of small language models, on a data set whose users go through its films in a circle: what
// comes next can be learnt in a minute.
#pragma once

#include <gtest/gtest.h>
#include <torch/optim/adam.h>
#include <torch/utils.h>

#include <numeric>

#include "core/base/error.h"
#include "core/lm/language_model.h"
#include "core/train/model.h"
#include "tests/support/fixed_order_task.h"
#include "tests/support/titled_dataset.h"

namespace seqsweep {

inline std::shared_ptr<TitledDataset> circling_users(int32_t items = 8, int32_t users = 24) {
  std::vector<std::string> titles;
  for (int32_t i = 0; i < items; ++i) {
    const std::string name = std::string(3, static_cast<char>('A' + 3 * i % 24));
    titles.push_back(name + " film");
  }
  std::vector<std::vector<int32_t>> sequences;
  for (int32_t user = 0; user < users; ++user) {
    auto& sequence = sequences.emplace_back();
    for (int32_t i = 0; i < 7; ++i) sequence.push_back((user + i) % items);
  }
  return std::make_shared<TitledDataset>(sequences, titles);
}

inline Json small_text_model(const std::string& name) {
  return {{"name", name}, {"vocabulary", 700}, {"width", 32},   {"heads", 2},
          {"layers", 2},  {"max_length", 512}, {"dropout", 0.0}};
}

// What every model of titles promises.
inline void expect_vocabulary_of_titles(const std::string& name) {
  const auto data = circling_users();
  const auto model = std::dynamic_pointer_cast<LanguageModel>(
      models().make(small_text_model(name), ModelContext{*data, torch::kCPU, 1}));
  ASSERT_NE(model, nullptr);
  EXPECT_EQ(model->vocabulary(), model->tokenizer().size());
  EXPECT_LE(model->tokenizer().encode(" AAA film.").size(), 5U);
}

inline void expect_missing_folder_is_named(const std::string& name) {
  const auto data = circling_users();
  Json spec = small_text_model(name);
  spec["path"] = "/no/such/folder";
  try {
    models().make(spec, ModelContext{*data, torch::kCPU, 1});
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("/no/such/folder"), std::string::npos);
  }
}

struct TextTask {
  std::shared_ptr<TitledDataset> data;
  std::unique_ptr<Task> task;
};

inline TextTask make_text_task(const Json& model, const Json& objective,
                               std::shared_ptr<TitledDataset> data = circling_users()) {
  TaskContext context{.model = models().make(model, ModelContext{*data, torch::kCPU, 3}),
                      .data = data,
                      .device = torch::kCPU,
                      .seed = 1};
  for (const char* role : {"retriever", "negatives"}) {
    context.needs[role] = std::make_shared<FixedOrderTask>(*data);
  }
  auto task = objectives().make(objective, context);
  return {data, std::move(task)};
}

// Epochs of Adam with microbatches of 8 examples. On one thread: two are no quicker at this size,
// and crawl where something else holds a core.
inline double train_text_task(Task& task, int64_t epochs, double learning_rate) {
  torch::set_num_threads(1);
  torch::optim::Adam adam(task.module().parameters(), learning_rate);
  double mean = 0;
  for (int64_t epoch = 0; epoch < epochs; ++epoch) {
    const int64_t count = task.begin_epoch(epoch);
    task.module().train();
    double sum = 0;
    int64_t targets = 0;
    for (int64_t begin = 0; begin < count; begin += 8) {
      std::vector<int64_t> examples(std::min<int64_t>(8, count - begin));
      std::iota(examples.begin(), examples.end(), begin);
      adam.zero_grad();
      const LossSum loss = task.loss(examples, static_cast<uint64_t>(epoch * 1000 + begin));
      (loss.sum / loss.count).backward();
      adam.step();
      sum += loss.sum.item<double>();
      targets += loss.count;
    }
    mean = sum / static_cast<double>(targets);
  }
  task.module().eval();
  return mean;
}

// How many users' targets come first.
inline int64_t firsts(Task& task, const Dataset& data, Split split) {
  std::vector<int64_t> users(data.users());
  std::iota(users.begin(), users.end(), 0);
  return std::ranges::count(task.target_ranks(users, split), 0);
}

// Losses of examples together are those of each, which do not know each other.
inline void expect_losses_add_up(Task& task) {
  const torch::NoGradGuard no_grad;
  task.module().eval();
  ASSERT_GE(task.begin_epoch(0), 4);
  const std::vector<int64_t> together = {0, 1, 2, 3};
  double sum = 0;
  int64_t count = 0;
  for (const int64_t& example : together) {
    const LossSum alone = task.loss(std::span(&example, 1), 1);
    sum += alone.sum.item<double>();
    count += alone.count;
  }
  const LossSum all = task.loss(together, 1);
  EXPECT_EQ(all.count, count);
  EXPECT_NEAR(all.sum.item<double>(), sum, 1e-3 * std::abs(sum));
}

}  // namespace seqsweep
