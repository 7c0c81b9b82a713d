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
