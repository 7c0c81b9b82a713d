// Every model on a GPU: its losses, gradients and steps, its ranks and lists are those of the CPU.
#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <cstdlib>
#include <iostream>
#include <numeric>

#include "core/data/registry.h"
#include "tests/support/device_task.h"
#include "tests/support/on_gpu.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/text_task.h"

namespace seqsweep {
namespace {

using Lists = std::vector<std::vector<Recommendation>>;

struct GpuCase {
  std::string name;
  Json model, objective;
  bool texts = false;       // On titles.
  double tolerance = 1e-4;  // Of losses and gradients.
};

const Json kNextItem = {{"name", "next_item"}};

Json id_model(const std::string& name, Json more = Json::object()) {
  Json settings = {{"name", name}, {"width", 32}};
  if (name == "sasrec") {
    settings.update({{"heads", 2}, {"hidden_dropout", 0}, {"attention_dropout", 0}});
  } else {
    settings.update({{"layers", 2}, {"dropout", 0}});
  }
  settings.update(more);
  return settings;
}

Json next_item_with(Json more) {
  more["name"] = "next_item";
  return more;
}

Json next_title() {
  return {{"name", "next_title"},
          {"history_items", 5},
          {"title_tokens_max", 12},
          {"list_length", 5},
          {"beams", 3},
          {"k1", 1.2},
          {"b", 0.75}};
}

Json rank_candidates() {
  return {{"name", "rank_candidates"},
          {"candidates", 4},
          {"history_items", 3},
          {"title_tokens_max", 12},
          {"prefixes", 3}};
}

Json orpo() {
  return {{"name", "orpo"},         {"candidates", 4},  {"history_items", 3},
          {"title_tokens_max", 12}, {"held_out", 0.25}, {"parts", 1}};
}

Json text_model(const std::string& name, const Json& more = Json::object()) {
  Json settings = small_text_model(name);
  settings.update(more);
  return settings;
}

std::vector<GpuCase> gpu_cases() {
  const Json adapters = {{"rank", 4}, {"dropout", 0}};
  return {
      {"sasrec", id_model("sasrec"), kNextItem},
      {"sasrec_bce", id_model("sasrec"), next_item_with({{"loss", "bce"}})},
      {"sasrec_sampled", id_model("sasrec"),
       next_item_with({{"loss", "sampled_ce"}, {"negatives", 30}})},
      {"mamba4rec", id_model("mamba4rec"), kNextItem},
      {"mamba4rec_one_layer", id_model("mamba4rec", {{"layers", 1}, {"state", 16}}), kNextItem},
      {"2mamba4rec", id_model("2mamba4rec", {{"state", 16}, {"head_width", 16}}), kNextItem},
      {"2mamba4rec_prefixes", id_model("2mamba4rec", {{"state", 32}, {"head_width", 32}}),
       next_item_with({{"rows", "prefixes"}, {"prefixes", 3}})},
      {"hydra4rec", id_model("hydra4rec", {{"state", 16}, {"head_width", 16}}),
       next_item_with({{"prefixes", 3}})},
      {"lrurec", id_model("lrurec"), kNextItem},
      {"gpt4rec", text_model("gpt4rec"), next_title(), true},
      {"mamrec", text_model("mamrec"), next_title(), true},
      {"llamarec", text_model("llamarec"), rank_candidates(), true},
      {"llamarec_titles", text_model("llamarec"), next_title(), true},
      {"llamarec_orpo", text_model("llamarec"), orpo(), true},
      {"llamarec_lora", text_model("llamarec", {{"lora", adapters}}), rank_candidates(), true},
      // Products of fixed weights are rounded to bfloat16 on a GPU.
      {"llamarec_int8", text_model("llamarec", {{"lora", adapters}, {"weights", "int8"}}),
       rank_candidates(), true, 5e-3},
      {"llamarec_bf16", text_model("llamarec", {{"lora", adapters}, {"weights", "bf16"}}),
       rank_candidates(), true, 5e-3},
      {"llamarec_nf4", text_model("llamarec", {{"lora", adapters}, {"weights", "nf4"}}), orpo(),
       true, 5e-3},
      {"llamarec_recompute", text_model("llamarec", {{"recompute", true}}), rank_candidates(),
       true},
  };
}

class CudaModel : public GpuTest, public testing::WithParamInterface<GpuCase> {
 protected:
  void SetUp() override {
    GpuTest::SetUp();
    if (!IsSkipped()) data_ = data_of(GetParam().texts);
  }
  std::shared_ptr<const Dataset> data_of(bool texts) {
    if (texts) return circling_users();
    return datasets().make({{"name", "synthetic"}, {"users", 80}, {"items", 60}, {"topics", 4}},
                           DatasetContext{folder_.path()});
  }
  std::unique_ptr<Training> training(c10::Device device, const Json& optimizer) {
    return std::make_unique<Training>(
        make_task_on(device, GetParam().model, GetParam().objective, data_), optimizer);
  }
  std::vector<int64_t> all_users() const {
    std::vector<int64_t> users(data_->users());
    std::iota(users.begin(), users.end(), 0);
    return users;
  }
  std::vector<History> histories() const {
    std::vector<History> all;
    for (const int64_t user : all_users()) all.push_back(data_->history(user, Split::Test));
    return all;
  }
  void expect_like_lists(const Lists& ours, const Lists& expected) const {
    EXPECT_LE(share_of_other_items(ours, expected), 0.05);
  }

  TemporaryFolder folder_;
  std::shared_ptr<const Dataset> data_;
};

std::string name_of(const testing::TestParamInfo<GpuCase>& info) {
  return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(Gpu, CudaModel, testing::ValuesIn(gpu_cases()), name_of);

TEST_P(CudaModel, StartsFromTheParametersOfTheCpu) {
  const auto plain = training(c10::kCPU, {{"name", "adam"}});
  const auto ours = training(device_, {{"name", "adam"}});
  EXPECT_TRUE(torch::equal(ours->parameters.values().cpu(), plain->parameters.values()));
  EXPECT_EQ(ours->count, plain->count);
}

TEST_P(CudaModel, TrainsLikeOnTheCpu) {
  const Json optimizer = {{"name", "adam"}, {"lr", 0.001}};
  const auto plain = training(c10::kCPU, optimizer), ours = training(device_, optimizer);
  const torch::Tensor start = plain->parameters.values().clone();
  for (int64_t step = 0; step < 3; ++step) {
    SCOPED_TRACE(testing::Message() << "step " << step);
    const double expected = plain->differentiate(step), loss = ours->differentiate(step);
    EXPECT_NEAR(loss, expected, GetParam().tolerance * std::abs(expected));
    expect_near_gradients(*ours, *plain, (step + 1) * 10 * GetParam().tolerance);
    plain->update(step);
    ours->update(step);
  }
  // Adam makes whole steps of gradients that are all rounding.
  const torch::Tensor& values = plain->parameters.values();
  EXPECT_LE(relative_norm(ours->parameters.values(), values), std::max(1e-3, GetParam().tolerance));
  EXPECT_LE(relative_norm(ours->parameters.values().cpu() - start, values - start), 0.2);
}

TEST_P(CudaModel, RanksAndRecommendsLikeTheCpu) {
  const Json optimizer = {{"name", "adam"}, {"lr", 0.01}};
  const auto plain = training(c10::kCPU, optimizer), ours = training(device_, optimizer);
  for (int64_t step = 0; step < 5; ++step) {
    plain->differentiate(step);
    plain->update(step);
  }
  const torch::NoGradGuard no_grad;
  ours->parameters.values().copy_(plain->parameters.values());
  Task &there = *ours->task, &here = *plain->task;
  there.module().eval();
  here.module().eval();
  for (const Split split : {Split::Validation, Split::Test}) {
    const auto ranks = there.target_ranks(all_users(), split);
    const auto expected = here.target_ranks(all_users(), split);
    ASSERT_EQ(ranks.size(), expected.size());
    int64_t other = 0;
    for (size_t i = 0; i < ranks.size(); ++i) other += ranks[i] != expected[i];
    EXPECT_LE(other, 1 + std::ssize(ranks) / 20);
    EXPECT_EQ(there.more_metrics(split, ranks).size(), here.more_metrics(split, expected).size());
  }
  for (const Seen seen : {Seen::Listed, Seen::LeftOut}) {
    expect_like_lists(there.recommend(histories(), 5, seen), here.recommend(histories(), 5, seen));
  }
  // As a server asks, one after the other: what is kept between calls must not show.
  Lists ours_alone, plain_alone;
  for (int64_t user = 0; user < std::min<int64_t>(data_->users(), 12); ++user) {
    const std::vector<History> one{data_->history(user, Split::Test)};
    for (Lists* lists : {&ours_alone, &plain_alone}) {
      Task& task = lists == &ours_alone ? there : here;
      lists->push_back(task.recommend(one, 5, Seen::LeftOut).front());
    }
  }
  expect_like_lists(ours_alone, plain_alone);
}

TEST_P(CudaModel, FollowsAUserLikeTheCpu) {
  const auto ours = training(device_, {{"name", "adam"}});
  const auto plain = training(c10::kCPU, {{"name", "adam"}});
  ours->task->module().eval();
  plain->task->module().eval();
  const auto there = ours->task->follow(), here = plain->task->follow();
  for (const int32_t item : data_->history(1, Split::Test).first(5)) {
    there->add(item);
    here->add(item);
    expect_like_lists({there->recommend(4, Seen::LeftOut)}, {here->recommend(4, Seen::LeftOut)});
  }
}

// The same seed drops the same, whatever the device.
TEST_P(CudaModel, DropsOutLikeTheCpu) {
  GpuCase c = GetParam();
  for (const char* setting : {"dropout", "hidden_dropout", "attention_dropout"}) {
    if (c.model.contains(setting)) c.model[setting] = 0.3;
  }
  if (c.name == "mamrec") GTEST_SKIP() << "a Mamba drops nothing";
  if (c.model.contains("lora")) c.model["lora"]["dropout"] = 0.3;
  const Json optimizer = {{"name", "adam"}};
  Training plain(make_task_on(c10::kCPU, c.model, c.objective, data_), optimizer);
  Training ours(make_task_on(device_, c.model, c.objective, data_), optimizer);
  const double expected = plain.differentiate(0), loss = ours.differentiate(0);
  EXPECT_NEAR(loss, expected, c.tolerance * std::abs(expected));
  expect_near_gradients(ours, plain, 10 * c.tolerance);
  const torch::Tensor gradients = ours.parameters.gradients().clone();
  torch::rand({100}, device_);  // What was drawn before does not matter.
  EXPECT_NEAR(ours.differentiate(0), loss, 1e-5 * std::abs(loss));
  EXPECT_LE(relative_norm(ours.parameters.gradients(), gradients), 1e-4);
}

// What is gathered by index may be summed in another order; the names of such parameters are
// printed.
TEST_P(CudaModel, TwoCallsGiveTheSame) {
  const auto ours = training(device_, {{"name", "adam"}});
  const double loss = ours->differentiate(0);
  const torch::Tensor gradients = ours->parameters.gradients().clone();
  EXPECT_NEAR(ours->differentiate(0), loss, 1e-6 * std::abs(loss));
  EXPECT_LE(relative_norm(ours->parameters.gradients(), gradients), 1e-5);
  for (const ParameterSlice& slice : ours->parameters.slices()) {
    const auto part = [&](const torch::Tensor& of) {
      return of.narrow(0, slice.begin, slice.size);
    };
    if (torch::equal(part(ours->parameters.gradients()), part(gradients))) continue;
    std::cout << "other bits in the gradient of " << slice.name << '\n';
  }
}

}  // namespace
}  // namespace seqsweep
