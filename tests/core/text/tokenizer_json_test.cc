#include "core/text/tokenizer_json.h"

#include <gmock/gmock.h>

#include "core/base/random.h"
#include "tests/core/text/tokenizer_cases.h"

namespace seqsweep {
namespace {

using ::testing::HasSubstr;

class TokenizerJson : public ::testing::Test {
 protected:
  // The complaint about a definition changed at one place.
  std::string with(const std::string& place, const nlohmann::json& value) {
    nlohmann::json changed = definition_;
    changed[nlohmann::json::json_pointer(place)] = value;
    return complaint_about({{"tokenizer.json", changed.dump()}});
  }

  const std::string bytes_ = files_of_case("gpt_neox").at("tokenizer.json");
  const nlohmann::json definition_ = nlohmann::json::parse(bytes_);
  const int64_t size_ = tokenizer_case("gpt_neox").at("size");
};

TEST_F(TokenizerJson, NamesWhatIsWrong) {
  const std::string file = "folder/tokenizer.json: ";
  EXPECT_EQ(with("/version", "2.0"), "");
  EXPECT_THAT(complaint_about({{"tokenizer.json", bytes_.substr(0, bytes_.size() / 2)}}),
              HasSubstr(file + "not valid JSON"));
  EXPECT_THAT(complaint_about({{"tokenizer.json", ""}}), HasSubstr(file + "not valid JSON"));
  EXPECT_THAT(complaint_about({{"tokenizer.json", "[]"}}),
              HasSubstr("the whole: an object is expected"));
  EXPECT_THAT(with("/model", nullptr), HasSubstr(file + "model: an object is expected, not null"));
  EXPECT_THAT(with("/model/type", "Unigram"), HasSubstr("model: the type is 'Unigram'"));
  EXPECT_THAT(with("/model/vocab", nlohmann::json::array()),
              HasSubstr("model.vocab: an object is expected"));
  EXPECT_THAT(with("/model/merges", "a b"),
              HasSubstr("model.merges: a list is expected, not string"));
  EXPECT_THAT(with("/model/dropout", 0.1), HasSubstr("model.dropout: not supported"));
  EXPECT_THAT(with("/model/end_of_word_suffix", "</w>"),
              HasSubstr("end_of_word_suffix: not supported"));
  EXPECT_THAT(with("/model/unk_token", "none such"), HasSubstr("unk_token: not in the vocabulary"));
  EXPECT_THAT(with("/added_tokens/0/content", 1),
              HasSubstr("added_tokens[0].content: a text is expected"));
  EXPECT_THAT(with("/added_tokens/0/special", "yes"),
              HasSubstr("added_tokens[0].special: true or false"));
  EXPECT_THAT(with("/added_tokens/1/content", ""), HasSubstr("an added token has no content"));
}

TEST_F(TokenizerJson, IdsAreEachGivenOnce) {
  EXPECT_THAT(with("/model/vocab/A", size_),
              HasSubstr(fmt::format("'A' has the id {}, but there are {}", size_, size_)));
  EXPECT_THAT(with("/model/vocab/A", 1'000'000'000), HasSubstr("'A' has the id 1000000000"));
  EXPECT_THAT(with("/model/vocab/A", -1),
              HasSubstr("model.vocab.A: a number from 0 to 2147483647 is expected, not -1"));
  EXPECT_THAT(with("/model/vocab/A", 1.5), HasSubstr("not 1.5"));
  EXPECT_THAT(with("/model/vocab/A", 4294967296), HasSubstr("not 4294967296"));
  EXPECT_THAT(with("/model/vocab/A", definition_["model"]["vocab"]["B"]),
              HasSubstr("both have the id"));
  EXPECT_THAT(with("/added_tokens/0/id", 5),
              HasSubstr("has the id 5 here and 0 in the vocabulary"));
  EXPECT_THAT(with("/added_tokens/1/id", 7), HasSubstr("both have the id 7"));
}

TEST_F(TokenizerJson, MergesAreOfEntries) {
  EXPECT_THAT(with("/model/merges/3", "ab"), HasSubstr("model.merges[3]: 'ab' is no merge"));
  EXPECT_THAT(with("/model/merges/3", "a b c"), HasSubstr("is no merge"));
  EXPECT_THAT(with("/model/merges/3", {"a"}), HasSubstr("a merge has two parts, this one 1"));
  EXPECT_THAT(with("/model/merges/3", 3), HasSubstr("model.merges[3]: a list is expected"));
  EXPECT_THAT(with("/model/merges/3", {"qq", "a"}),
              HasSubstr("needs 'qq', which the vocabulary lacks"));
  EXPECT_THAT(with("/model/merges/3", {"q", "q"}), HasSubstr("('q' with 'q') needs 'qq'"));
}

TEST_F(TokenizerJson, MergesMayBeTextsOrPairs) {
  nlohmann::json as_text = definition_;
  for (nlohmann::json& merge : as_text["model"]["merges"]) {
    if (merge.is_array()) merge = merge[0].get<std::string>() + " " + merge[1].get<std::string>();
  }
  const auto made = make_tokenizer({{"tokenizer.json", as_text.dump()}}, "");
  const auto usual = make_tokenizer({{"tokenizer.json", bytes_}}, "");
  EXPECT_EQ(made->encode("the lowest of the other"), usual->encode("the lowest of the other"));
}

TEST_F(TokenizerJson, TextFilesNameTheLine) {
  TokenizerFiles files = files_of_case("gpt2");
  const std::string merges = files["merges.txt"];
  ASSERT_EQ(complaint_about(files), "");
  files["merges.txt"] = "#version: 0.2\nab\n";
  EXPECT_THAT(complaint_about(files), HasSubstr("folder/merges.txt:2: 'ab' is no merge"));
  files["merges.txt"] = "#version: 0.2\n\na b\n";
  EXPECT_THAT(complaint_about(files), HasSubstr("folder/merges.txt:2: '' is no merge"));
  files["merges.txt"] = "a zz\n";
  EXPECT_THAT(complaint_about(files), HasSubstr("needs 'zz'"));
  files["merges.txt"] = merges;
  files["vocab.json"] = "{\"a\":0,\"b\":0}";
  EXPECT_THAT(complaint_about(files),
              HasSubstr("folder/vocab.json: vocab.b: 'a' and 'b' both have the id 0"));
  files["vocab.json"] = "{\"a\":";
  EXPECT_THAT(complaint_about(files), HasSubstr("folder/vocab.json: not valid JSON"));
}

TEST_F(TokenizerJson, SurvivesRandomDamage) {
  Rng rng(1);
  int refused = 0;
  for (int i = 0; i < 300; ++i) {
    std::string bad = bytes_.substr(0, i % 3 == 0 ? rng.below(bytes_.size()) : bytes_.size());
    for (uint64_t flips = 1 + rng.below(4); flips > 0 && !bad.empty(); --flips) {
      bad[rng.below(bad.size())] ^= static_cast<char>(1 << rng.below(8));
    }
    refused += complaint_about({{"tokenizer.json", bad}}).empty() ? 0 : 1;
  }
  EXPECT_GT(refused, 150);
}

}  // namespace
}  // namespace seqsweep
