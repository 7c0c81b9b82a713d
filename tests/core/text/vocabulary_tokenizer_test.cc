#include "core/text/vocabulary_tokenizer.h"

#include <gmock/gmock.h>

#include "tests/core/text/tokenizer_cases.h"

namespace seqsweep {
namespace {

using ::testing::HasSubstr;

TEST(VocabularyTokenizer, DecodesTokensOfItsVocabularyOnly) {
  const auto tokenizer = make_tokenizer(files_of_case("gpt2"), "");
  for (const int32_t wrong : {-1, 311, INT32_MAX}) {
    try {
      tokenizer->decode(std::vector<int32_t>{1, wrong});
      ADD_FAILURE() << wrong;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("tokens go from 0 to 310, not " + std::to_string(wrong)));
    }
  }
}

TEST(VocabularyTokenizer, SpecialTokensAreFoundButNotShown) {
  const auto tokenizer = make_tokenizer(files_of_case("gpt2"), "");
  const int32_t end = tokenizer->find("<|endoftext|>").value(), a = tokenizer->find("A").value();
  EXPECT_EQ(tokenizer->decode(std::vector<int32_t>{end, a, end}), "A");
  EXPECT_EQ(tokenizer->find("no entry"), std::nullopt);
}

}  // namespace
}  // namespace seqsweep
