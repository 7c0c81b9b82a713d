#include "core/text/byte_level_bpe.h"

#include <gmock/gmock.h>

#include <set>

#include "tests/core/text/tokenizer_cases.h"

namespace seqsweep {
namespace {

using ::testing::HasSubstr;

TEST(ByteLevelBpe, EqualsHuggingFace) {
  for (const char* name : {"gpt2", "gpt_neox", "llama3", "prefix_space"})
    expect_golden_tokens(name);
}

TEST(ByteLevelBpe, EachByteHasAPrintableCharacterOfItsOwn) {
  std::set<std::string> characters;
  for (int byte = 0; byte < 256; ++byte) {
    characters.insert(byte_level_character(static_cast<unsigned char>(byte)));
  }
  EXPECT_EQ(characters.size(), 256u);
  EXPECT_EQ(byte_level_character('A'), "A");
  EXPECT_EQ(byte_level_character(' '), "\u0120");
  EXPECT_EQ(byte_level_character('\n'), "\u010a");
  EXPECT_EQ(byte_level_character(0xad), "\u0143");
}

// Whatever bytes come in, the text that they stand for comes out.
TEST(ByteLevelBpe, DecodingUndoesEncoding) {
  const auto tokenizer = make_tokenizer(files_of_case("gpt2"), "gpt2");
  EXPECT_EQ(tokenizer->decode(tokenizer->encode(" a\tb\n\n \u6771 \U0001f600")),
            " a\tb\n\n \u6771 \U0001f600");
  EXPECT_EQ(tokenizer->decode(tokenizer->encode("a\xff")), "a\ufffd");
  EXPECT_EQ(tokenizer->decode(tokenizer->encode(std::string(3, '\0'))), std::string(3, '\0'));
}

TEST(ByteLevelBpe, NamesStagesItLacks) {
  const auto with = [](const std::string& place, const nlohmann::json& stage) {
    TokenizerFiles files = files_of_case("llama3");
    auto definition = nlohmann::json::parse(files["tokenizer.json"]);
    definition[nlohmann::json::json_pointer(place)] = stage;
    files["tokenizer.json"] = definition.dump();
    return complaint_about(files);
  };
  EXPECT_THAT(with("/normalizer", {{"type", "Lowercase"}}),
              HasSubstr("folder/tokenizer.json: normalizer: 'Lowercase' is not supported"));
  EXPECT_THAT(with("/decoder", {{"type", "WordPiece"}}), HasSubstr("decoder: 'WordPiece'"));
  EXPECT_THAT(with("/pre_tokenizer/pretokenizers/0", {{"type", "Digits"}}),
              HasSubstr("pre_tokenizer.pretokenizers[0]: 'Digits' is not supported"));
  EXPECT_THAT(with("/pre_tokenizer/pretokenizers/0/behavior", "Removed"), HasSubstr("'Removed'"));
  EXPECT_THAT(with("/pre_tokenizer/pretokenizers/0/pattern/Regex", "(a"),
              HasSubstr("the expression '(a' is not understood"));
  EXPECT_THAT(with("/pre_tokenizer/pretokenizers/1/use_regex", 1),
              HasSubstr("true or false is expected, not number"));
}

}  // namespace
}  // namespace seqsweep
