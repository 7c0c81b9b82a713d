#include "core/text/tokenizer.h"

#include <gmock/gmock.h>

#include "core/base/files.h"
#include "tests/core/text/tokenizer_cases.h"
#include "tests/support/temporary_folder.h"

namespace seqsweep {
namespace {

using ::testing::HasSubstr;

TEST(Tokenizer, FolderIsReadInTheOrderOfPreference) {
  TemporaryFolder folder;
  const auto size_of_loaded = [&] { return load_tokenizer(folder.path())->size(); };
  const auto save = [&](const std::string& name) {
    save_tokenizer(*make_tokenizer(files_of_case(name), ""), folder.path());
  };
  EXPECT_THROW(size_of_loaded(), Error);
  save("gpt2");
  EXPECT_EQ(size_of_loaded(), 311);
  save("sentencepiece");
  EXPECT_EQ(size_of_loaded(), 420);
  save("gpt_neox");
  EXPECT_EQ(size_of_loaded(), 322);
  EXPECT_EQ(load_tokenizer(folder.path())->files(), files_of_case("gpt_neox"));
}

TEST(Tokenizer, AFolderWithoutOneIsNamed) {
  TemporaryFolder folder;
  write_file_atomic(folder / "vocab.json", "{}");
  try {
    load_tokenizer(folder.path());
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::Input);
    EXPECT_THAT(error.what(), HasSubstr(folder.path().string() + ": no tokenizer: tokenizer.json"));
  }
}

TEST(Tokenizer, BeginAndEndAreWhatTheConfigNames) {
  TokenizerFiles files = files_of_case("gpt_neox");
  EXPECT_EQ(make_tokenizer(files, "")->end_token(), 0);  // <|endoftext|>, a special token.
  EXPECT_EQ(make_tokenizer(files, "")->begin_token(), 0);
  files["tokenizer_config.json"] = R"({"bos_token": null, "eos_token": {"content": "<pad>"}})";
  const auto made = make_tokenizer(files, "");
  EXPECT_EQ(made->begin_token(), std::nullopt);
  EXPECT_EQ(made->end_token(), made->find("<pad>"));
  EXPECT_NE(made->end_token(), std::nullopt);
  files["tokenizer_config.json"] = R"({"eos_token": "none such"})";
  EXPECT_THAT(complaint_about(files),
              HasSubstr("folder/tokenizer_config.json: eos_token: 'none such'"));
  files["tokenizer_config.json"] = R"({"eos_token": 3})";
  EXPECT_THAT(complaint_about(files), HasSubstr("eos_token: an object is expected, not number"));
}

TEST(TokenizerGolden, IsRemade) {
  expect_golden_is_remade("tokenizers", "tokenizers, sentencepiece");
}

}  // namespace
}  // namespace seqsweep
