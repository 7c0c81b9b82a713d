#include <gtest/gtest.h>
#include <torch/serialize.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "core/base/error.h"
#include "core/train/model.h"
#include "core/train/packing.h"
#include "kernels/linear_cross_entropy.h"
#include "tests/support/golden.h"
#include "tests/support/tiny_dataset.h"

namespace seqsweep {
namespace {

using torch::Tensor;

std::shared_ptr<SequenceModel> make_model(const Json& settings, const Dataset& data,
                                          uint64_t seed = 1) {
  Json spec = settings;
  spec["name"] = "sasrec";
  return std::dynamic_pointer_cast<SequenceModel>(
      models().make(spec, ModelContext{data, torch::kCPU, seed}));
}

const std::vector<std::vector<int32_t>> kHistories{{3, 1, 4, 1, 5}, {9}, {2, 6, 5, 3, 5, 8, 9, 7}};

Tensor encode(SequenceModel& model, const std::vector<std::vector<int32_t>>& histories) {
  const std::vector<History> spans(histories.begin(), histories.end());
  return model.encode(pack(spans, 8, torch::kCPU));
}

const Json kNoDropout{{"hidden_dropout", 0}, {"attention_dropout", 0}};

// ---- against plain PyTorch (tests/golden/make_sasrec.py) ----

void expect_golden(torch::ScalarType dtype, double tolerance) {
  const Json golden = read_golden("sasrec");
  const Json& config = golden["config"];
  const TinyDataset data({}, config["items"], config["length"]);
  Json settings = kNoDropout;
  for (const char* key : {"width", "inner_width", "heads", "blocks"}) settings[key] = config[key];
  const auto model = make_model(settings, data);
  model->to(dtype);
  auto parameters = model->named_parameters();
  ASSERT_EQ(parameters.size(), golden["parameters"].size());
  {
    const torch::NoGradGuard no_grad;
    for (auto& entry : parameters)
      entry.value().copy_(to_tensor(golden["parameters"][entry.key()]));
  }
  std::vector<std::vector<int32_t>> sequences = golden["sequences"];
  std::vector<int64_t> targets;
  for (auto& items : sequences) {
    targets.insert(targets.end(), items.begin() + 1, items.end());
    items.pop_back();
  }
  const std::vector<History> histories(sequences.begin(), sequences.end());
  const Tensor hidden = model->encode(pack(histories, config["length"], torch::kCPU));
  const Tensor loss = linear_cross_entropy(hidden, model->item_embedding(), model->item_bias(),
                                           torch::tensor(targets));
  loss.backward();
  const auto difference = [](const Tensor& ours, const Json& expected) {
    const Tensor plain = to_tensor(expected);
    const double size = std::max(1.0, plain.abs().max().item<double>());
    return (ours.detach().to(torch::kFloat64) - plain).abs().max().item<double>() / size;
  };
  EXPECT_LT(difference(hidden, golden["hidden"]), tolerance);
  EXPECT_NEAR(loss.item<double>() / golden["loss"].get<double>(), 1, tolerance);
  for (const auto& entry : parameters) {
    EXPECT_LT(difference(entry.value().grad(), golden["gradients"][entry.key()]), tolerance)
        << entry.key();
  }
}

TEST(SASRec, EqualsPlainPyTorchInFloat32) {
  expect_golden(torch::kFloat32, 1e-5);
}
TEST(SASRec, EqualsPlainPyTorchInFloat64) {
  expect_golden(torch::kFloat64, 1e-12);
}
TEST(SASRec, GoldenIsRemade) {
  expect_golden_is_remade("sasrec");
}

// ---- properties ----

TEST(SASRec, AUsersStatesDoNotDependOnTheBatch) {
  const TinyDataset data({}, 10, 8);
  const auto model = make_model({}, data);
  model->eval();
  const Tensor together = encode(*model, kHistories);
  int64_t token = 0;
  for (const auto& history : kHistories) {
    const auto length = static_cast<int64_t>(history.size());
    EXPECT_TRUE(
        torch::allclose(encode(*model, {history}), together.narrow(0, token, length), 0, 1e-6));
    token += length;
  }
}

// With gradients, without, and the last states alone: three ways to the same numbers.
TEST(SASRec, InferenceAndLastStatesAreTheSame) {
  const TinyDataset data({}, 10, 64);
  std::vector<std::vector<int32_t>> histories = kHistories;
  histories.emplace_back();
  for (int32_t i = 0; i < 60; ++i) histories.back().push_back(i * 7 % 10);
  const std::vector<History> spans(histories.begin(), histories.end());
  const PackedSequences packed = pack(spans, 64, torch::kCPU);
  for (const int blocks : {1, 3}) {
    const auto model = make_model({{"blocks", blocks}}, data);
    model->eval();
    const Tensor all = model->encode(packed), last = model->encode_last(packed);
    EXPECT_TRUE(torch::allclose(all.index_select(0, last_tokens(packed)), last, 0, 2e-6));
    const torch::NoGradGuard no_grad;
    EXPECT_TRUE(torch::allclose(model->encode(packed), all, 0, 5e-6));
    EXPECT_TRUE(torch::allclose(model->encode_last(packed), last, 0, 5e-6));
  }
}

TEST(SASRec, LaterItemsDoNotReachEarlierStates) {
  const TinyDataset data({}, 10, 8);
  const auto model = make_model({}, data);
  model->eval();
  const Tensor before = encode(*model, {{1, 2, 3, 4, 5}}),
               after = encode(*model, {{1, 2, 3, 9, 5}});
  EXPECT_TRUE(torch::equal(before.narrow(0, 0, 3), after.narrow(0, 0, 3)));
  EXPECT_FALSE(torch::equal(before[4], after[4]));
}

TEST(SASRec, DropoutFollowsTheSeedAndOnlyTrains) {
  const TinyDataset data({}, 10, 8);
  const auto model = make_model({}, data);
  const auto train_with = [&](uint64_t seed) {
    torch::manual_seed(seed);
    return encode(*model, kHistories);
  };
  EXPECT_TRUE(torch::equal(train_with(1), train_with(1)));
  EXPECT_FALSE(torch::equal(train_with(1), train_with(2)));
  model->eval();
  EXPECT_TRUE(torch::equal(train_with(1), train_with(2)));
}

TEST(SASRec, AttentionDropoutIsItsOwnSetting) {
  const TinyDataset data({}, 10, 8);
  const auto model = make_model({{"hidden_dropout", 0}, {"attention_dropout", 0.5}}, data);
  const Tensor trained = encode(*model, kHistories);
  model->eval();
  EXPECT_FALSE(torch::equal(trained, encode(*model, kHistories)));
}

TEST(SASRec, CopiedParametersGiveTheSameBits) {
  const TinyDataset data({}, 10, 8);
  const auto model = make_model({}, data, 1), other = make_model({}, data, 2);
  model->eval();
  other->eval();
  EXPECT_FALSE(torch::equal(encode(*model, kHistories), encode(*other, kHistories)));
  std::stringstream saved;
  torch::serialize::OutputArchive out;
  model->save(out);
  out.save_to(saved);
  torch::serialize::InputArchive in;
  in.load_from(saved);
  other->load(in);
  EXPECT_TRUE(torch::equal(encode(*model, kHistories), encode(*other, kHistories)));
}

TEST(SASRec, InitialisesAsRecBoleDoes) {
  const TinyDataset data({}, 2000, 50);
  const auto model = make_model({}, data);
  for (const auto& entry : model->named_parameters()) {
    const Tensor& x = entry.value();
    if (x.dim() == 2) {
      EXPECT_NEAR(x.std().item<double>(), 0.02, 0.002) << entry.key();
    } else {
      const float expected = entry.key().ends_with("norm.weight") ? 1 : 0;
      EXPECT_TRUE(torch::equal(x, torch::full_like(x, expected))) << entry.key();
    }
  }
}

TEST(SASRec, CountsItsParameters) {
  const TinyDataset data({}, 1349, 50);
  const auto model = make_model({}, data);
  int64_t total = 0;
  for (const Tensor& parameter : model->parameters()) total += parameter.numel();
  EXPECT_EQ(model->embedding_parameters(), (1349 + 50) * 64);
  const int64_t block = 4 * (64 * 64 + 64) + (64 * 256 + 256) + (256 * 64 + 64) + 2 * 128;
  EXPECT_EQ(total - model->embedding_parameters(), 2 * block + 128);
}

TEST(SASRec, RefusesAWidthThatHeadsCannotShare) {
  const TinyDataset data({}, 10, 8);
  try {
    make_model({{"width", 10}, {"heads", 4}}, data);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::Input);
    EXPECT_NE(std::string(error.what()).find("width is 10, heads is 4"), std::string::npos);
  }
}

}  // namespace
}  // namespace seqsweep
