#include "core/text/train_bpe.h"

#include <gmock/gmock.h>

#include <random>

#include "core/base/random.h"
#include "tests/core/text/reference_tokens.h"
#include "tests/core/text/tokenizer_cases.h"
#include "tests/support/temporary_folder.h"

namespace seqsweep {
namespace {

nlohmann::json model_of(const Tokenizer& tokenizer) {
  return nlohmann::json::parse(tokenizer.files().at("tokenizer.json")).at("model");
}

TEST(TrainBpe, LearnsWhatHuggingFaceLearns) {
  const nlohmann::json& golden = tokenizer_golden().at("training");
  const auto texts = golden.at("texts").get<std::vector<std::string>>();
  const auto trained = train_byte_level_bpe(texts, golden.at("size"));
  EXPECT_EQ(model_of(*trained).at("vocab"), golden.at("vocabulary"));
  EXPECT_EQ(model_of(*trained).at("merges"), golden.at("merges"));
  EXPECT_EQ(trained->begin_token(), 0);
  EXPECT_EQ(trained->end_token(), 0);
}

TEST(TrainBpe, StopsAtTheSizeOrWhenNothingRepeats) {
  const std::vector<std::string> texts = {"banana banana", "band"};
  EXPECT_EQ(train_byte_level_bpe(texts, 257)->size(), 257);
  EXPECT_EQ(train_byte_level_bpe(texts, 259)->size(), 259);
  const auto all = train_byte_level_bpe(texts, 5000);
  EXPECT_LT(all->size(), 270);
  EXPECT_EQ(train_byte_level_bpe({}, 1000)->size(), 257);
  EXPECT_EQ(all->decode(all->encode("any\xc3\xa9thing else")), "any\xc3\xa9thing else");
  try {
    train_byte_level_bpe(texts, 256);
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("at least 257 entries, not 256"));
  }
}

// By tokens, of equals the lower: "ab" (token of a, token of b) before "ba".
TEST(TrainBpe, TiesGoToTheLowerPair) {
  const std::vector<std::string> texts = {"ab ab", "ba ba", "cd cd"};
  const nlohmann::json merges = model_of(*train_byte_level_bpe(texts, 259)).at("merges");
  EXPECT_EQ(merges[0], "a b");
  EXPECT_EQ(merges[1], "b a");
}

TEST(TrainBpe, OrderOfTextsDoesNotShow) {
  const auto texts = tokenizer_golden().at("training").at("texts").get<std::vector<std::string>>();
  std::vector<std::string> shuffled = texts;
  Rng rng(3);
  shuffle(std::span(shuffled), rng);
  EXPECT_EQ(train_byte_level_bpe(texts, 320)->files(),
            train_byte_level_bpe(shuffled, 320)->files());
}

TEST(TrainBpe, HuggingFaceLoadsWhatIsSaved) {
  if (!python_has("tokenizers, transformers")) {
    GTEST_SKIP() << test_python() << " lacks tokenizers or transformers: set SEQSWEEP_PYTHON";
  }
  const auto texts = tokenizer_golden().at("training").at("texts").get<std::vector<std::string>>();
  TemporaryFolder folder;
  save_tokenizer(*train_byte_level_bpe(texts, 330), folder.path());
  const auto loaded = load_tokenizer(folder.path());
  std::vector<std::string> all = texts;
  for (const nlohmann::json& text : tokenizer_golden().at("texts"))
    all.push_back(from_hexadecimal(text));
  const auto expected = reference_tokens(all, "auto", folder.path());
  ASSERT_EQ(expected.size(), all.size());
  for (size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(loaded->encode(all[i]), expected[i]) << printable(all[i]);
  }
}

}  // namespace
}  // namespace seqsweep
