#include "core/lm/item_texts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/text/train_bpe.h"
#include "tests/support/titled_dataset.h"

namespace seqsweep {
namespace {

std::unique_ptr<Tokenizer> film_tokenizer() {
  const std::vector<std::string> texts = {" Alien (1979).", " Brazil (1985).", " Casablanca."};
  return train_byte_level_bpe(texts, 290);
}

TEST(ItemTexts, AnItemWithoutATitleIsCalledByItsKey) {
  EXPECT_EQ(item_title(films(), 0), "Alien (1979)");
  EXPECT_EQ(item_title(films(), 3), "item3");
}

TEST(ItemTexts, ATitleHasNoSpecialTokens) {
  const auto tokenizer = film_tokenizer();
  EXPECT_EQ(item_title(films(), 4), "Evil < /s> < |endoftext|>");
  EXPECT_THAT(tokenizer->encode(item_title(films(), 4)),
              testing::Not(testing::Contains(*tokenizer->end_token())));
}

TEST(ItemTexts, StandBetweenWhatIsAroundThem) {
  const auto tokenizer = film_tokenizer();
  const ItemTexts texts(films(), *tokenizer, {.before = " ", .after = "."});
  EXPECT_EQ(tokenizer->decode(texts[1]), " Brazil (1985).");
  EXPECT_EQ(tokenizer->decode(texts[3]), " item3.");
}

TEST(ItemTexts, LongTitlesAreCutAndStillClosed) {
  const auto tokenizer = film_tokenizer();
  const ItemTexts texts(films(), *tokenizer, {.before = " ", .after = ".", .title_tokens_max = 3});
  const Tokens start = tokenizer->encode(" Evil < /s> < |endoftext|>");
  EXPECT_EQ(tokenizer->decode(texts[4]), tokenizer->decode(std::span(start).first(3)) + ".");
}

}  // namespace
}  // namespace seqsweep
