// What the tests of recommenders made of mixers (core/nn) have in common.
#pragma once

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "core/nn/mixer.h"
#include "core/nn/ssd_mixer_config.h"
#include "core/train/model.h"
#include "core/train/packing.h"
#include "kernels/linear_cross_entropy.h"
#include "tests/support/golden.h"
#include "tests/support/tiny_dataset.h"

namespace seqsweep {

using Histories = std::vector<std::vector<int32_t>>;

inline std::shared_ptr<SequenceModel> make_sequence_model(const std::string& name, Json settings,
                                                          int64_t items = 10,
                                                          int64_t max_length = 64) {
  settings["name"] = name;
  const TinyDataset data({}, items, max_length);
  return std::dynamic_pointer_cast<SequenceModel>(
      models().make(settings, ModelContext{data, torch::kCPU, 1}));
}

// Four heads in two groups, on width 8.
inline SsdMixerConfig small_ssd_config() {
  SsdMixerConfig config;
  config.width = 8;
  config.state = 4;
  config.head_width = 4;
  config.groups = 2;
  return config;
}

inline PackedSequences pack_all(const Histories& histories, int64_t max_length = 64) {
  const std::vector<History> spans(histories.begin(), histories.end());
  return pack(spans, max_length, torch::kCPU);
}

// Largest difference, relative to the largest of the expected numbers or 1.
inline double relative_difference(const torch::Tensor& ours, const Json& expected) {
  const torch::Tensor plain = to_tensor(expected);
  const double size = std::max(1.0, plain.abs().max().item<double>());
  return (ours.detach().to(torch::kFloat64).view_as(plain) - plain).abs().max().item<double>() /
         size;
}

inline void set_parameters(torch::nn::Module& module, const Json& values) {
  const torch::NoGradGuard no_grad;
  const auto parameters = module.named_parameters();
  ASSERT_EQ(parameters.size(), values.size());
  for (const auto& entry : parameters) {
    ASSERT_TRUE(values.contains(entry.key())) << entry.key();
    entry.value().copy_(to_tensor(values[entry.key()]).view_as(entry.value()));
  }
}

inline Json without(Json settings, std::initializer_list<const char*> keys) {
  for (const char* key : keys) settings.erase(key);
  return settings;
}

// A case of tests/golden/<file>.json: the mixer alone, one sequence of each length.
inline void expect_golden_mixer(const std::string& model, const Json& golden,
                                torch::ScalarType dtype, double tolerance) {
  const Json settings = without(golden["config"], {"chunk", "norm_eps"});
  const auto whole = make_sequence_model(model, settings);
  auto mixer = std::dynamic_pointer_cast<Mixer>(whole->named_modules()["layer0.mixer"]);
  ASSERT_NE(mixer, nullptr);
  mixer->to(dtype);
  set_parameters(*mixer, golden["parameters"]);
  for (const Json& sequence : golden["sequences"]) {
    mixer->zero_grad();
    const torch::Tensor x = to_tensor(sequence["input"]).to(dtype).requires_grad_();
    const std::vector<int32_t> items(static_cast<size_t>(x.size(0)));
    const torch::Tensor y = mixer->forward(x, pack_all({items}));
    EXPECT_LT(relative_difference(y, sequence["output"]), tolerance) << "length " << items.size();
    y.backward(to_tensor(sequence["output_gradient"]).to(dtype));
    EXPECT_LT(relative_difference(x.grad(), sequence["input_gradient"]), tolerance);
    for (const auto& entry : mixer->named_parameters()) {
      EXPECT_LT(relative_difference(entry.value().grad(), sequence["gradients"][entry.key()]),
                tolerance)
          << entry.key() << ", length " << items.size();
    }
  }
}

inline void expect_golden_mixers(const std::string& model, const Json& cases,
                                 torch::ScalarType dtype, double tolerance) {
  ASSERT_FALSE(cases.empty());
  for (const Json& one : cases) expect_golden_mixer(model, one, dtype, tolerance);
}

// tests/golden/state_space_recommenders.json: states, loss and all gradients of every case of a
// model.
inline void expect_golden_recommender(const std::string& model, torch::ScalarType dtype,
                                      double tolerance) {
  const Json golden = read_golden("state_space_recommenders");
  int cases = 0;
  for (const Json& one : golden["cases"]) {
    if (one["model"] != model) continue;
    ++cases;
    Json settings = without(one["mixer"], {"chunk", "norm_eps"});
    settings["layers"] = one["layers"];
    settings["dropout"] = 0;
    const auto whole = make_sequence_model(model, settings, golden["items"]);
    whole->to(dtype);
    set_parameters(*whole, one["parameters"]);
    Histories inputs = golden["sequences"];
    std::vector<int64_t> targets;
    for (auto& items : inputs) {
      targets.insert(targets.end(), whole->causal() ? items.begin() + 1 : items.end() - 1,
                     items.end());
      items.pop_back();
    }
    const PackedSequences packed = pack_all(inputs);
    const torch::Tensor hidden =
        whole->causal() ? whole->encode(packed) : whole->encode_last(packed);
    EXPECT_LT(relative_difference(hidden, one["hidden"]), tolerance);
    const torch::Tensor loss =
        linear_cross_entropy(hidden, whole->item_embedding(), {}, torch::tensor(targets));
    EXPECT_NEAR(loss.item<double>() / one["loss"].get<double>(), 1, tolerance);
    loss.backward();
    for (const auto& entry : whole->named_parameters()) {
      EXPECT_LT(relative_difference(entry.value().grad(), one["gradients"][entry.key()]), tolerance)
          << entry.key() << ", layers " << one["layers"];
    }
  }
  EXPECT_GT(cases, 0);
}

inline const Histories kMixedHistories{{3, 1, 4, 1, 5, 9, 2, 6}, {9}, {2, 6, 5}, {7, 7}};

// A user's states are those that the user alone would have: nothing of a neighbour or of padding
// reaches them.
inline void expect_independent_of_the_batch(SequenceModel& model) {
  const torch::NoGradGuard no_grad;
  model.eval();
  const torch::Tensor together = model.encode(pack_all(kMixedHistories));
  int64_t token = 0;
  for (const auto& history : kMixedHistories) {
    const torch::Tensor alone = model.encode(pack_all({history}));
    const auto length = static_cast<int64_t>(history.size());
    EXPECT_LT((alone - together.narrow(0, token, length)).abs().max().item<double>(), 2e-6);
    token += length;
  }
}

// encode_last() is the last rows of encode(), values and gradients.
inline void expect_last_states(SequenceModel& model) {
  model.eval();
  const PackedSequences packed = pack_all(kMixedHistories);
  const auto run = [&](bool last_only) {
    model.zero_grad();
    const torch::Tensor last = last_only
                                   ? model.encode_last(packed)
                                   : model.encode(packed).index_select(0, last_tokens(packed));
    (last * torch::arange(last.numel()).view_as(last).cos()).sum().backward();
    std::vector<torch::Tensor> results{last.detach().flatten()};
    for (const torch::Tensor& parameter : model.parameters()) {
      results.push_back(parameter.grad().defined() ? parameter.grad().flatten().clone()
                                                   : torch::zeros({parameter.numel()}));
    }
    return torch::cat(results);
  };
  const torch::Tensor all = run(false), last = run(true);
  EXPECT_LT((all - last).abs().max().item<double>() / all.abs().max().item<double>(), 2e-6);
}

// Without gradients a model may take other kernels: the states are the same to rounding.
inline void expect_inference_like_training(SequenceModel& model) {
  model.eval();
  Histories histories = kMixedHistories;
  histories.emplace_back();
  for (int32_t i = 0; i < 60; ++i) histories.back().push_back(i * 7 % 10);
  const PackedSequences packed = pack_all(histories);
  const torch::Tensor all = model.encode(packed), last = model.encode_last(packed);
  const torch::NoGradGuard no_grad;
  EXPECT_LT((model.encode(packed) - all).abs().max().item<double>(), 5e-6);
  EXPECT_LT((model.encode_last(packed) - last).abs().max().item<double>(), 5e-6);
}

// Items one at a time, or in pieces, lead where the whole history leads.
inline void expect_state_carries_on(SequenceModel& model) {
  const torch::NoGradGuard no_grad;
  model.eval();
  ASSERT_TRUE(model.recurrent());
  const Histories whole{{3, 1, 4, 1, 5, 9, 2, 6}, {9, 2, 6, 5, 3}};
  for (const size_t piece : {1, 2, 3}) {
    SequenceState state = model.begin(2);
    torch::Tensor last;
    for (size_t begin = 0; begin < 3; begin += piece) {  // Both have begun after this.
      Histories next;
      for (const auto& items : whole) {
        next.emplace_back(items.begin() + static_cast<long>(begin),
                          items.begin() + static_cast<long>(std::min<size_t>(begin + piece, 3)));
      }
      last = model.advance(pack_all(next), state);
    }
    last = model.advance(pack_all({{1, 5, 9, 2, 6}, {5, 3}}), state);
    const torch::Tensor expected = model.encode_last(pack_all(whole));
    EXPECT_LT((last - expected).abs().max().item<double>(), 5e-6) << "pieces of " << piece;
  }
}

inline void expect_overfits_one_batch(SequenceModel& model) {
  const PackedSequences packed = pack_all(kMixedHistories);
  const torch::Tensor targets = torch::tensor({8, 3, 1, 2}, torch::kInt64);
  model.eval();  // Without dropout.
  double loss = 0;
  for (int step = 0; step < 150; ++step) {
    model.zero_grad();
    const torch::Tensor sum =
        linear_cross_entropy(model.encode_last(packed), model.item_embedding(), {}, targets);
    sum.backward();
    loss = sum.item<double>() / 4;
    const torch::NoGradGuard no_grad;
    for (const torch::Tensor& parameter : model.parameters()) {
      if (parameter.grad().defined()) parameter.sub_(0.01 * parameter.grad().sign());
    }
  }
  EXPECT_LT(loss, 0.1);
}

}  // namespace seqsweep
