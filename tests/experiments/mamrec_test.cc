#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/lm/language_model.h"
#include "tests/support/text_task.h"

namespace seqsweep {
namespace {

TEST(MamRec, FromScratchItsVocabularyIsOfTheTitles) {
  const auto data = circling_users();
  const auto model = std::dynamic_pointer_cast<LanguageModel>(
      models().make(small_text_model("mamrec"), ModelContext{*data, torch::kCPU, 1}));
  ASSERT_NE(model, nullptr);
  EXPECT_EQ(model->vocabulary(), model->tokenizer().size());
  EXPECT_LE(model->tokenizer().encode(" AAA film.").size(), 5U);
}

TEST(MamRec, AMissingFolderIsNamed) {
  const auto data = circling_users();
  Json spec = small_text_model("mamrec");
  spec["path"] = "/no/such/folder";
  try {
    models().make(spec, ModelContext{*data, torch::kCPU, 1});
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("/no/such/folder"), std::string::npos);
  }
}

}  // namespace
}  // namespace seqsweep
