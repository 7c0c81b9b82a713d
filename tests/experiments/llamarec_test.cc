#include <gtest/gtest.h>

#include "tests/support/text_task.h"

namespace seqsweep {
namespace {

TEST(LlamaRec, FromScratchItsVocabularyIsOfTheTitles) {
  expect_vocabulary_of_titles("llamarec");
}

TEST(LlamaRec, AMissingFolderIsNamed) {
  expect_missing_folder_is_named("llamarec");
}

}  // namespace
}  // namespace seqsweep
