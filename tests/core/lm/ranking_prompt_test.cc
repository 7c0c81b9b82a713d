#include "core/lm/ranking_prompt.h"

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/text/train_bpe.h"
#include "tests/support/titled_dataset.h"

namespace seqsweep {
namespace {

class RankingPromptTest : public testing::Test {
 protected:
  TitledDataset data_ = films();
  std::unique_ptr<Tokenizer> tokenizer_ =
      train_byte_level_bpe(std::vector<std::string>{" Alien", "(A) Brazil\n"}, 270);
  const std::vector<int32_t> pool_ = {2, 3};
};

TEST_F(RankingPromptTest, TellsHistoryAndPoolAndAsks) {
  const RankingPrompt prompt(data_, *tokenizer_, {.candidates = 4});
  EXPECT_EQ(tokenizer_->decode(prompt(data_.sequence(0).first(2), pool_)),
            "### Instruction: Given the user's history in chronological order, recommend an item "
            "from the candidate pool with its index letter.\n\n### Input: User history:\n"
            "(1) Alien (1979)\n(2) Brazil (1985)\nCandidate pool:\n"
            "(A) Casablanca (1942)\n(B) item3\n\n### Answer: ");
}

TEST_F(RankingPromptTest, ALetterIsTheSameTokenInThePoolAndAsTheAnswer) {
  const RankingPrompt prompt(data_, *tokenizer_, {.candidates = 4});
  const Tokens tokens = prompt(data_.sequence(0).first(1), pool_);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(tokenizer_->decode(std::span(&prompt.letters()[i], 1)), std::string(1, 'A' + i));
    EXPECT_NE(std::ranges::find(tokens, prompt.letters()[i]), tokens.end());
  }
}

TEST_F(RankingPromptTest, APoolMayHaveOtherLettersThanTheFirst) {
  const RankingPrompt prompt(data_, *tokenizer_, {.candidates = 4});
  const std::string text =
      tokenizer_->decode(prompt(data_.sequence(0).first(1), pool_, std::vector<int64_t>{1, 3}));
  EXPECT_NE(text.find("pool:\n(B) Casablanca (1942)\n(D) item3\n\n###"), std::string::npos);
}

TEST_F(RankingPromptTest, OldItemsGiveWayToThePool) {
  const RankingPrompt roomy(data_, *tokenizer_, {.candidates = 2, .title_tokens_max = 24});
  const int64_t whole = std::ssize(roomy(data_.sequence(0), pool_));
  const RankingPrompt tight(data_, *tokenizer_,
                            {.candidates = 2, .title_tokens_max = 24, .tokens_max = whole - 1});
  const Tokens tokens = tight(data_.sequence(0), pool_);
  EXPECT_LT(std::ssize(tokens), whole);
  EXPECT_EQ(tokenizer_->decode(tokens).find("Alien"), std::string::npos);
  EXPECT_NE(tokenizer_->decode(tokens).find("(B) item3"), std::string::npos);
}

TEST_F(RankingPromptTest, APoolThatCannotBeLetteredOrReadIsRefused) {
  EXPECT_THROW(RankingPrompt(data_, *tokenizer_, {.candidates = 27}), Error);
  EXPECT_THROW(RankingPrompt(data_, *tokenizer_, {.tokens_max = 200}), Error);
}

}  // namespace
}  // namespace seqsweep
