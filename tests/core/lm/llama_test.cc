#include "core/lm/llama.h"

#include <gtest/gtest.h>

#include "tests/support/language_model.h"

namespace seqsweep {
namespace {

Json golden_llama(const char* name) {
  return read_golden("language_models").at("cases").at(name);
}

Llama make_llama(const Json& golden) {
  return Llama(Llama::config_of(golden.at("config")));
}

class LlamaGolden : public testing::TestWithParam<const char*> {};

TEST_P(LlamaGolden, EqualsTransformers) {
  const Json golden = golden_llama(GetParam());
  Llama model = make_llama(golden);
  expect_golden_language_model(model, golden, torch::kDouble, 1e-10);
  Llama single = make_llama(golden);
  expect_golden_language_model(single, golden, torch::kFloat, 1e-4);
}

TEST_P(LlamaGolden, WritesWhatTransformersWrites) {
  const Json golden = golden_llama(GetParam());
  Llama model = make_llama(golden);
  expect_golden_texts(model, golden);
}

INSTANTIATE_TEST_SUITE_P(Cases, LlamaGolden, testing::Values("llama", "grouped_llama"));

TEST(Llama, TokenByTokenLeadsWhereTheWholeTextLeads) {
  Llama model({.vocabulary = 12,
               .width = 16,
               .layers = 2,
               .heads = 4,
               .groups = 2,
               .head_width = 8,
               .inner_width = 24,
               .max_length = 64});
  expect_continues(model);
}

TEST(Llama, ItsConfigComesBackFromItsJson) {
  for (const char* name : {"llama", "grouped_llama"}) {
    const Llama model = make_llama(golden_llama(name));
    EXPECT_EQ(Llama(Llama::config_of(model.config_json())).config_json(), model.config_json());
  }
}

TEST(Llama, OlderFilesScaleRotaryPositionsElsewhere) {
  Json config = golden_llama("llama").at("config");
  config.erase("rope_parameters");
  config["rope_theta"] = 500.0;
  config["rope_scaling"] = {{"type", "linear"}, {"factor", 2.0}};
  const LlamaConfig read = Llama::config_of(config);
  EXPECT_EQ(read.rope_theta, 500.0);
  EXPECT_EQ(read.rope_scaling.kind, RopeScaling::Kind::Linear);
  config["rope_scaling"]["type"] = "yarn";
  EXPECT_THROW(Llama::config_of(config), Error);
}

}  // namespace
}  // namespace seqsweep
