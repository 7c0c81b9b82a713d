#include <gtest/gtest.h>

#include "tests/support/text_task.h"

namespace seqsweep {
namespace {

TEST(Gpt4Rec, FromScratchItsVocabularyIsOfTheTitles) {
  expect_vocabulary_of_titles("gpt4rec");
}

TEST(Gpt4Rec, AMissingFolderIsNamed) {
  expect_missing_folder_is_named("gpt4rec");
}

}  // namespace
}  // namespace seqsweep
