#include "core/lm/mamba2_lm.h"

#include <gtest/gtest.h>

#include "tests/support/language_model.h"

namespace seqsweep {
namespace {

Json golden_mamba2() {
  return read_golden("language_models").at("cases").at("mamba2");
}

TEST(Mamba2Lm, EqualsTransformers) {
  Mamba2Lm model(Mamba2Lm::config_of(golden_mamba2().at("config")));
  expect_golden_language_model(model, golden_mamba2(), torch::kDouble, 1e-10);
  Mamba2Lm single(Mamba2Lm::config_of(golden_mamba2().at("config")));
  expect_golden_language_model(single, golden_mamba2(), torch::kFloat, 1e-4);
}

TEST(Mamba2Lm, WritesWhatTransformersWrites) {
  Mamba2Lm model(Mamba2Lm::config_of(golden_mamba2().at("config")));
  expect_golden_texts(model, golden_mamba2());
}

TEST(Mamba2Lm, TokenByTokenLeadsWhereTheWholeTextLeads) {
  Mamba2Lm model({.vocabulary = 12, .width = 8, .layers = 2, .state = 4, .head_width = 4});
  expect_continues(model);
}

TEST(Mamba2Lm, ItsConfigComesBackFromItsJson) {
  const Mamba2Lm model(Mamba2Lm::config_of(golden_mamba2().at("config")));
  EXPECT_EQ(Mamba2Lm(Mamba2Lm::config_of(model.config_json())).config_json(), model.config_json());
}

}  // namespace
}  // namespace seqsweep
