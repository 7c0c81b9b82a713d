#include "core/text/terms.h"

#include <gmock/gmock.h>

namespace seqsweep {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Terms, AreRunsOfLettersAndNumbersInSmallLetters) {
  EXPECT_THAT(terms_of("Toy Story (1995)"), ElementsAre("toy", "story", "1995"));
  EXPECT_THAT(terms_of("L'Or\xc3\x89"
                       "AL snake_case R2-D2 the THE"),
              ElementsAre("l", "or\u00e9al", "snake", "case", "r2", "d2", "the", "the"));
  EXPECT_THAT(terms_of("\u6771\u4eac \u0427\u0410\u0419"),
              ElementsAre("\u6771\u4eac", "\u0447\u0430\u0439"));
  EXPECT_THAT(terms_of("cafe\u0301!"), ElementsAre("cafe\u0301"));  // A mark does not end a term.
  EXPECT_THAT(terms_of(""), IsEmpty());
  EXPECT_THAT(terms_of(" -- !?"), IsEmpty());
}

TEST(Terms, MalformedBytesSeparate) {
  EXPECT_THAT(terms_of("a\xff"
                       "b\xe2\x82"
                       "c\xf0"),
              ElementsAre("a", "b", "c"));
}

}  // namespace
}  // namespace seqsweep
