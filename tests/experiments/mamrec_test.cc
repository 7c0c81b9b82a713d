#include <gtest/gtest.h>

#include "tests/support/text_task.h"

namespace seqsweep {
namespace {

TEST(MamRec, FromScratchItsVocabularyIsOfTheTitles) {
  expect_vocabulary_of_titles("mamrec");
}

TEST(MamRec, AMissingFolderIsNamed) {
  expect_missing_folder_is_named("mamrec");
}

}  // namespace
}  // namespace seqsweep
