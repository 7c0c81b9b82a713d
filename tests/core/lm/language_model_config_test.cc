#include "core/lm/language_model_config.h"

#include <gtest/gtest.h>

#include "core/lm/folder.h"
#include "tests/support/language_model.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/titled_dataset.h"

namespace seqsweep {
namespace {

LanguageModelConfig tiny_config() {
  LanguageModelConfig config;
  config.vocabulary = 300;
  config.width = 16;
  config.heads = 2;
  return config;
}

std::shared_ptr<LanguageModel> make_tiny(Architecture architecture,
                                         const LanguageModelConfig& config) {
  const TitledDataset data = films();
  return std::dynamic_pointer_cast<LanguageModel>(
      make_language_model(architecture, config, ModelContext{data, torch::kCPU, 7}));
}

TEST(MakeLanguageModel, FromScratchIsTheSameForTheSameSeed) {
  for (const auto architecture : {Architecture::Gpt2, Architecture::Llama, Architecture::Mamba2}) {
    const auto a = make_tiny(architecture, tiny_config()),
               b = make_tiny(architecture, tiny_config());
    EXPECT_EQ(a->tokenizer().encode(" Alien (1979)."), b->tokenizer().encode(" Alien (1979)."));
    for (const auto& entry : a->named_parameters()) {
      EXPECT_TRUE(torch::equal(entry.value(), b->named_parameters()[entry.key()])) << entry.key();
    }
  }
}

TEST(MakeLanguageModel, AFolderIsLoadedAndAdapted) {
  const TemporaryFolder folder;
  const auto saved = make_tiny(Architecture::Llama, tiny_config());
  save_language_model(*saved, folder.path());
  save_tokenizer(saved->tokenizer(), folder.path());
  LanguageModelConfig config;
  config.path = folder.path().string();
  config.lora.rank = 2;
  const auto loaded = make_tiny(Architecture::Llama, config);
  EXPECT_TRUE(torch::equal(loaded->output_embedding(), saved->output_embedding()));
  int64_t trained = 0;
  for (const torch::Tensor& parameter : loaded->parameters()) {
    trained += parameter.requires_grad() ? 1 : 0;
  }
  EXPECT_EQ(trained, 2 * 2 * 2);  // Two layers, two projections, A and B.
}

// What `seqsweep plan` counts of memory: parameters that are not trained, and buffers.
TEST(MakeLanguageModel, FixedWeightsTakeTheirBits) {
  LanguageModelConfig config = tiny_config();
  config.width = 64;  // Of each weight whole blocks of 64.
  config.lora.rank = 2;
  const auto bytes = [&](Weights weights) {
    config.weights = weights;
    size_t sum = 0;
    for (const torch::Tensor& buffer : make_tiny(Architecture::Llama, config)->buffers()) {
      sum += buffer.nbytes();
    }
    return sum;
  };
  // Two layers: of attention 4 x 64 x 64, of the rest 3 x 64 x 170.
  const size_t numbers = 2 * (4 * 64 * 64 + 3 * 64 * 170);
  EXPECT_EQ(bytes(Weights::Float), 0U);
  EXPECT_EQ(bytes(Weights::Bf16), 2 * numbers);
  EXPECT_LT(bytes(Weights::Int8), numbers + numbers / 10);
  EXPECT_LT(bytes(Weights::Nf4), numbers / 2 + numbers / 20);
}

TEST(MakeLanguageModel, FewBitsWithoutAdaptersAreRefused) {
  LanguageModelConfig config = tiny_config();
  config.weights = Weights::Bf16;
  EXPECT_THROW(make_tiny(Architecture::Llama, config), Error);
}

TEST(MakeLanguageModel, AnotherArchitectureThanAskedForIsRefused) {
  const TemporaryFolder folder;
  const auto saved = make_tiny(Architecture::Gpt2, tiny_config());
  save_language_model(*saved, folder.path());
  save_tokenizer(saved->tokenizer(), folder.path());
  LanguageModelConfig config;
  config.path = folder.path().string();
  EXPECT_THROW(make_tiny(Architecture::Mamba2, config), Error);
}

TEST(MakeLanguageModel, HeadsMustDivideWhatTheyShare) {
  LanguageModelConfig config = tiny_config();
  config.heads = 3;
  EXPECT_THROW(make_tiny(Architecture::Gpt2, config), Error);
}

}  // namespace
}  // namespace seqsweep
