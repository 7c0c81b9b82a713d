#include "core/lm/purchase_prompt.h"

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/text/train_bpe.h"
#include "tests/support/titled_dataset.h"

namespace seqsweep {
namespace {

std::unique_ptr<Tokenizer> plain_tokenizer() {
  return train_byte_level_bpe(std::vector<std::string>{" Alien", " Brazil"}, 270);
}

class PurchasePromptTest : public testing::Test {
 protected:
  TitledDataset data_ = films();
  std::unique_ptr<Tokenizer> tokenizer_ = plain_tokenizer();
};

TEST_F(PurchasePromptTest, TellsTheLatestItemsAndAsks) {
  const PurchasePrompt prompt(data_, *tokenizer_, {.history_items = 2});
  const Tokens tokens = prompt(data_.sequence(0).first(3));
  EXPECT_EQ(tokens.front(), *tokenizer_->begin_token());
  EXPECT_EQ(tokenizer_->decode(tokens),
            "Previously, the customer has bought: Brazil (1985). Casablanca (1942)."
            " In the future, the customer wants to buy");
}

TEST_F(PurchasePromptTest, ATextLearnsTheTargetWithItsEndAndTheTitlesAskedFor) {
  const PurchasePrompt prompt(data_, *tokenizer_, {});
  const auto text = prompt.text(data_.sequence(0).first(2), /*first=*/1, /*target=*/2);
  Tokens learnt;
  for (const int64_t place : text.learnt) learnt.push_back(text.tokens[place]);
  EXPECT_EQ(learnt.back(), *tokenizer_->end_token());
  EXPECT_EQ(tokenizer_->decode(learnt), " Brazil (1985). Casablanca (1942)");
  const auto target_only = prompt.text(data_.sequence(0).first(2), /*first=*/2, /*target=*/2);
  EXPECT_EQ(target_only.tokens, text.tokens);
  EXPECT_LT(target_only.learnt.size(), text.learnt.size());
}

TEST_F(PurchasePromptTest, OldItemsGiveWayWhereThereIsNoRoom) {
  const PurchasePrompt roomy(data_, *tokenizer_, {.title_tokens_max = 20, .tokens_max = 1000});
  const int64_t whole = std::ssize(roomy(data_.sequence(0)));
  const PurchasePrompt tight(data_, *tokenizer_,
                             {.title_tokens_max = 20, .tokens_max = whole + 20});
  const Tokens tokens = tight(data_.sequence(0));
  EXPECT_LE(std::ssize(tokens) + tight.answer_tokens_max(), whole + 20);
  EXPECT_EQ(tokenizer_->decode(tokens).find("Alien"), std::string::npos);
  EXPECT_NE(tokenizer_->decode(tokens).find("Casablanca"), std::string::npos);
  EXPECT_THROW(PurchasePrompt(data_, *tokenizer_, {.tokens_max = 60}), Error);
}

}  // namespace
}  // namespace seqsweep
