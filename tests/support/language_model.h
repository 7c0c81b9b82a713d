// Small language models for tests, and what every architecture promises.
#pragma once

#include <gtest/gtest.h>

#include <numeric>
#include <string>
#include <vector>

#include "core/lm/generation.h"
#include "core/train/packing.h"
#include "kernels/linear_cross_entropy.h"
#include "tests/support/golden.h"

namespace seqsweep {

inline PackedSequences pack_tokens(const std::vector<std::vector<int32_t>>& texts) {
  return pack(std::vector<History>(texts.begin(), texts.end()), 1000, torch::kCPU);
}

// Names of peft's adapted modules as ours.
inline std::string our_name(std::string name) {
  const auto drop = [&](const std::string& part, const std::string& instead) {
    const size_t at = name.find(part);
    if (at != std::string::npos) name.replace(at, part.size(), instead);
  };
  drop("base_model.model.", "");
  drop("base_layer.", "");
  drop("lora_A.default.weight", "lora_A");
  drop("lora_B.default.weight", "lora_B");
  return name;
}

inline void set_golden_parameters(LanguageModel& model, const Json& values) {
  const torch::NoGradGuard no_grad;
  auto parameters = model.named_parameters();
  ASSERT_EQ(parameters.size(), values.size());
  for (const auto& [name, value] : values.items()) {
    torch::Tensor* parameter = parameters.find(our_name(name));
    ASSERT_NE(parameter, nullptr) << our_name(name);
    parameter->copy_(to_tensor(value));
  }
}

inline double relative_error(const torch::Tensor& ours, const Json& expected) {
  const torch::Tensor reference = to_tensor(expected).view(ours.sizes());
  return (ours.to(torch::kDouble) - reference).abs().max().item<double>() /
         std::max(1.0, reference.abs().max().item<double>());
}

// The sum of the losses of every next token, through the kernel that training uses.
inline torch::Tensor next_token_loss(LanguageModel& model,
                                     const std::vector<std::vector<int32_t>>& texts) {
  std::vector<int64_t> before, targets;
  int64_t begin = 0;
  for (const auto& text : texts) {
    for (size_t i = 1; i < text.size(); ++i) {
      before.push_back(begin + static_cast<int64_t>(i) - 1);
      targets.push_back(text[i]);
    }
    begin += std::ssize(text);
  }
  const torch::Tensor states = model.encode(pack_tokens(texts));
  return linear_cross_entropy(states.index_select(0, torch::tensor(before)),
                              model.output_embedding(), {}, torch::tensor(targets));
}

// A case of tests/golden/language_models.json: states, loss, gradients.
inline void expect_golden_language_model(LanguageModel& model, const Json& golden,
                                         torch::ScalarType dtype, double tolerance) {
  model.to(dtype);
  model.eval();
  set_golden_parameters(model, golden.at("parameters"));
  const Json all = read_golden("language_models");
  const auto texts = all.at("texts").get<std::vector<std::vector<int32_t>>>();
  const torch::Tensor states = model.encode(pack_tokens(texts));
  int64_t begin = 0;
  for (size_t i = 0; i < texts.size(); ++i) {
    const auto length = std::ssize(texts[i]);
    EXPECT_LE(relative_error(states.narrow(0, begin, length), golden.at("states").at(i)),
              tolerance);
    begin += length;
  }
  const torch::Tensor loss = next_token_loss(model, texts);
  EXPECT_NEAR(loss.item<double>(), golden.at("loss").get<double>(), 60 * tolerance);
  loss.backward();
  auto parameters = model.named_parameters();
  for (const auto& [name, gradient] : golden.at("gradients").items()) {
    EXPECT_LE(relative_error(parameters[our_name(name)].grad(), gradient), tolerance) << name;
  }
}

// Greedy and beam-searched texts of a case, all prompts at once.
inline void expect_golden_texts(LanguageModel& model, const Json& golden) {
  model.to(torch::kDouble);
  model.eval();
  set_golden_parameters(model, golden.at("parameters"));
  const Json all = read_golden("language_models");
  const auto texts = all.at("texts").get<std::vector<std::vector<int32_t>>>();
  const PackedSequences prompts = pack_tokens(texts);
  const GenerationOptions options{.max_tokens = 6, .end_token = all.at("end").get<int32_t>()};
  EXPECT_EQ(generate_greedily(model, prompts, options),
            golden.at("greedy").get<std::vector<std::vector<int32_t>>>());
  const std::vector<std::pair<const char*, BeamOptions>> searches = {
      {"beams", {options, 4}},
      {"beams_stopping_early", {options, 4, /*length_penalty=*/0.5, /*early_stopping=*/true}}};
  for (const auto& [name, beam_options] : searches) {
    const auto found = beam_search(model, prompts, beam_options);
    for (size_t i = 0; i < texts.size(); ++i) {
      const Json& expected = golden.at(name).at(i);
      ASSERT_EQ(found[i].size(), expected.at("texts").size());
      for (size_t beam = 0; beam < found[i].size(); ++beam) {
        EXPECT_EQ(found[i][beam].tokens, expected.at("texts").at(beam).get<std::vector<int32_t>>())
            << name << " of prompt " << i << ", beam " << beam;
        EXPECT_NEAR(found[i][beam].score, expected.at("scores").at(beam).get<double>(), 1e-6);
      }
    }
  }
}

// Token by token, with rows that come from others, to where the whole text leads.
inline void expect_continues(LanguageModel& model) {
  const torch::NoGradGuard no_grad;
  model.eval();
  const std::vector<std::vector<int32_t>> prompts = {{5, 9, 2, 7}, {3}, {1, 4, 8, 2, 6, 2, 9}};
  auto [last, texts] = model.begin(pack_tokens(prompts));
  const auto states_of = [&](const std::vector<std::vector<int32_t>>& whole) {
    const PackedSequences packed = pack_tokens(whole);
    return model.encode(packed).index_select(0, last_tokens(packed));
  };
  EXPECT_TRUE(torch::allclose(last, states_of(prompts), 1e-4, 1e-5));
  std::vector<std::vector<int32_t>> rows = prompts;
  // Rows appear, vanish, and change places, over more steps than there is room for at first.
  for (int step = 0; step < 40; ++step) {
    std::vector<int64_t> from, tokens;
    std::vector<std::vector<int32_t>> next;
    const int64_t count = 2 + step % 3;
    for (int64_t i = 0; i < count; ++i) {
      from.push_back(
          step % 5 == 4 && count == std::ssize(rows) ? i : (i * 2 + step) % std::ssize(rows));
      tokens.push_back((3 * step + i) % 10);
      next.push_back(rows[from.back()]);
      next.back().push_back(static_cast<int32_t>(tokens.back()));
    }
    rows = next;
    const torch::Tensor states = texts->advance(from, tokens);
    ASSERT_TRUE(torch::allclose(states, states_of(rows), 1e-4, 1e-5)) << "step " << step;
  }
}

}  // namespace seqsweep
