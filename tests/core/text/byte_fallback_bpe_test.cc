#include "core/text/byte_fallback_bpe.h"

#include <gmock/gmock.h>

#include "tests/core/text/tokenizer_cases.h"

namespace seqsweep {
namespace {

using ::testing::HasSubstr;

TEST(ByteFallbackBpe, EqualsHuggingFace) {
  for (const char* name : {"llama_normalized_false", "llama_normalized_true", "metaspace_first",
                           "metaspace_always", "metaspace_never", "without_bytes"}) {
    expect_golden_tokens(name);
  }
}

TEST(ByteFallbackBpe, NamesStagesItLacks) {
  const auto with = [](const std::string& place, const nlohmann::json& stage) {
    TokenizerFiles files = files_of_case("metaspace_first");
    auto definition = nlohmann::json::parse(files["tokenizer.json"]);
    definition[nlohmann::json::json_pointer(place)] = stage;
    files["tokenizer.json"] = definition.dump();
    return complaint_about(files);
  };
  EXPECT_THAT(with("/normalizer", {{"type", "Lowercase"}}), HasSubstr("normalizer: 'Lowercase'"));
  EXPECT_THAT(with("/pre_tokenizer", {{"type", "Whitespace"}}),
              HasSubstr("pre_tokenizer: 'Whitespace' is not supported"));
  EXPECT_THAT(with("/pre_tokenizer/replacement", "_"), HasSubstr("must be U+2581"));
  EXPECT_THAT(with("/pre_tokenizer/prepend_scheme", "last"), HasSubstr("'last' is not one of"));
  EXPECT_THAT(with("/decoder", {{"type", "ByteLevel"}}), HasSubstr("decoder: 'ByteLevel'"));
  EXPECT_THAT(
      with("/decoder", {{"type", "Replace"}, {"pattern", {{"String", ""}}}, {"content", ""}}),
      HasSubstr("replaces an empty text"));
  EXPECT_THAT(with("/decoder", {{"type", "Strip"}, {"content", " "}, {"start", -1}, {"stop", 0}}),
              HasSubstr("decoder.start: a number from 0"));
}

}  // namespace
}  // namespace seqsweep
