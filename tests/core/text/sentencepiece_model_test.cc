#include "core/text/sentencepiece_model.h"

#include <gmock/gmock.h>

#include <bit>

#include "core/base/random.h"
#include "tests/core/text/tokenizer_cases.h"

namespace seqsweep {
namespace {

using ::testing::HasSubstr;

// Fields of a protobuf message, short enough for lengths of one byte.
std::string text_field(int number, const std::string& text) {
  return std::string{static_cast<char>(number << 3 | 2), static_cast<char>(text.size())} + text;
}
std::string piece_field(const std::string& text, float score, int type) {
  const auto bits = std::bit_cast<std::array<char, 4>>(score);
  return text_field(1, text_field(1, text) + '\x15' + std::string(bits.begin(), bits.end()) +
                           '\x18' + static_cast<char>(type));
}

const std::string kTrainer = text_field(2, "\x18\x02");  // Model type 2: BPE.
const std::string kUnknownPiece = piece_field("<unk>", 0, 2);

std::string model_complaint(const std::string& model) {
  return complaint_about({{"tokenizer.model", model}});
}

TEST(SentencePieceModel, EqualsSentencePiece) {
  for (const char* name : {"sentencepiece", "sentencepiece_user", "sentencepiece_bare"}) {
    expect_golden_tokens(name);
  }
}

TEST(SentencePieceModel, KnowsItsBeginAndEnd) {
  const auto usual = make_tokenizer(files_of_case("sentencepiece"), "");
  EXPECT_EQ(usual->begin_token(), usual->find("<s>"));
  EXPECT_EQ(usual->end_token(), usual->find("</s>"));
  EXPECT_EQ(usual->begin_token(), 1);
  EXPECT_EQ(make_tokenizer(files_of_case("sentencepiece_bare"), "")->begin_token(), std::nullopt);
}

// 'ab' is a piece while 'b' is none.
TEST(SentencePieceModel, APieceMayHaveCharactersThatAreNone) {
  const auto tokenizer = make_tokenizer(
      {{"tokenizer.model", kTrainer + kUnknownPiece + piece_field("a", -2, 1) +
                               piece_field("ab", -1, 1) + piece_field("\u2581", -3, 1)}},
      "");
  EXPECT_EQ(tokenizer->encode("aab"), (std::vector<int32_t>{3, 1, 2}));
  EXPECT_EQ(tokenizer->encode("ba"), (std::vector<int32_t>{3, 0, 1}));
}

TEST(SentencePieceModel, NamesWhatIsWrong) {
  const std::string good = kTrainer + kUnknownPiece + piece_field("a", -1, 1);
  ASSERT_EQ(model_complaint(good), "");
  EXPECT_THAT(model_complaint(""),
              HasSubstr("folder/tokenizer.model: a sentencepiece model without pieces"));
  EXPECT_THAT(model_complaint(good.substr(0, good.size() - 3)), HasSubstr("not a valid protobuf"));
  EXPECT_THAT(model_complaint("garbage"), HasSubstr("folder/tokenizer.model"));
  EXPECT_THAT(model_complaint(kUnknownPiece), HasSubstr("model type 1 is not supported"));
  EXPECT_THAT(model_complaint(kTrainer + piece_field("a", -1, 1)),
              HasSubstr("no piece for what is unknown"));
  EXPECT_THAT(model_complaint(good + piece_field("a", -2, 1)),
              HasSubstr("piece 'a' comes twice, at 1 and 2"));
  EXPECT_THAT(model_complaint(good + piece_field("", -2, 1)), HasSubstr("piece 2 is empty"));
  EXPECT_THAT(model_complaint(good + piece_field("\xff", -2, 1)),
              HasSubstr("piece 2 is not UTF-8"));
  EXPECT_THAT(model_complaint(good + piece_field("b", NAN, 1)),
              HasSubstr("'b' has no finite score"));
  EXPECT_THAT(model_complaint(good + piece_field("b", -2, 5)), HasSubstr("'b' has the type 5"));
  EXPECT_THAT(model_complaint(good + piece_field("b", -2, 6)), HasSubstr("'b' is no byte"));
  EXPECT_THAT(model_complaint(good + text_field(3, text_field(2, "table"))),
              HasSubstr("'identity'"));
}

TEST(SentencePieceModel, SurvivesRandomDamage) {
  const std::string good = files_of_case("sentencepiece_user").at("tokenizer.model");
  Rng rng(1);
  int refused = 0;
  for (int i = 0; i < 300; ++i) {
    std::string bad = good.substr(0, i % 3 == 0 ? rng.below(good.size()) : good.size());
    for (uint64_t flips = 1 + rng.below(4); flips > 0 && !bad.empty(); --flips) {
      bad[rng.below(bad.size())] ^= static_cast<char>(1 << rng.below(8));
    }
    refused += model_complaint(bad).empty() ? 0 : 1;
  }
  EXPECT_GT(refused, 150);
}

}  // namespace
}  // namespace seqsweep
