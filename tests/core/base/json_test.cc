#include "core/base/json.h"

#include <gmock/gmock.h>
#include "tests/support/error_text.h"

namespace seqsweep {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string complaint(const std::string& text) {
  return input_error_of([&] { parse_json(text, "file.json"); });
}

std::string nested(int depth) {
  return std::string(static_cast<size_t>(depth), '[') +
         std::string(static_cast<size_t>(depth), ']');
}

TEST(Json, ReadsWhatIsValid) {
  EXPECT_EQ(parse_json(R"({"a": [1, 2.5, "x\"]"]})", "").at("a").size(), 3U);
  EXPECT_EQ(complaint(nested(kJsonDepthMax)), "");
  EXPECT_EQ(complaint("[" + std::string(R"("[[\"{{\\")") + "]"), "") << "brackets in a text";
}

TEST(Json, NamesWhoseTextIsWrong) {
  EXPECT_THAT(complaint(""), HasSubstr("file.json: not valid JSON"));
  EXPECT_THAT(complaint("{\"a\": \x1b[31m}"), Not(HasSubstr("\x1b")));
  EXPECT_THAT(complaint("[\"\xff\"]"), Not(HasSubstr("\xff")));
}

// A million brackets would end the stack of whoever copies or writes them.
TEST(Json, DeepNestingIsRefused) {
  EXPECT_THAT(complaint(nested(kJsonDepthMax + 1)), HasSubstr("more than 64 levels deep"));
  EXPECT_THAT(complaint(nested(1'000'000)), HasSubstr("more than 64 levels deep"));
  EXPECT_THAT(complaint(std::string(1'000'000, '[')), HasSubstr("more than 64 levels deep"));
}

TEST(Json, IsWrittenWhateverItsTexts) {
  const Json json = {{"title", "\xff caf\xc3\xa9"}};
  EXPECT_EQ(dump(json), "{\"title\":\"\xEF\xBF\xBD caf\xc3\xa9\"}");
  EXPECT_EQ(dump(Json{1}, 2), "[\n  1\n]");
  EXPECT_EQ(value_text("adam"), "adam");
  EXPECT_EQ(value_text(0.5), "0.5");
  EXPECT_EQ(value_text(Json{1, 2}), "[1,2]");
}

}  // namespace
}  // namespace seqsweep
