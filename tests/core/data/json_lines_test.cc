#include "core/data/json_lines.h"

#include <gmock/gmock.h>

#include "core/base/error.h"
#include "tests/core/data/table_support.h"
#include "tests/support/raw_folder.h"

namespace seqsweep {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// As published: all the fields of a review, and of an item.
const std::string kReview =
    R"({"rating": 5.0, "title": "Such a lovely scent", "text": "The \"scent\" is {great}", "images": [], )"
    R"("asin": "B00YQ6X8EO", "parent_asin": "B00YQ6X8EO", "user_id": "AGKHLEW2SOWHNMFQIJGBECAF7INQ", )"
    R"("timestamp": 1588687728923, "helpful_vote": 0, "verified_purchase": true})";
const std::string kMeta =
    R"({"main_category": "All Beauty", "title": "Howard LC0008 \u201cConditioner\u201d", "rating_number": 10, )"
    R"("features": [], "price": null, "details": {"title": "no"}, "parent_asin": "B01CUPMQZE"})";

class JsonLines : public ::testing::Test {
 protected:
  std::vector<std::string> read(const std::string& text, double share) {
    InteractionTable table;
    malformed_ = read_json_reviews(folder_.write_gz("reviews.jsonl.gz", text), share, table);
    return rows_of(table);
  }
  std::vector<std::string> read_titles(const std::string& text) {
    const auto path = folder_.write_gz("meta.jsonl.gz", text);
    return titles_of({"B01CUPMQZE", "B2"},
                     [&](TitleTable& table) { malformed_ = read_json_titles(path, 0.5, table); });
  }
  RawFolder folder_;
  int64_t malformed_ = 0;
};

TEST_F(JsonLines, ReviewsAreOfTheParentItemAndInMilliseconds) {
  EXPECT_THAT(read(kReview + "\n", 0),
              ElementsAre("AGKHLEW2SOWHNMFQIJGBECAF7INQ B00YQ6X8EO 5 1588687728923000"));
}

TEST_F(JsonLines, MalformedReviewsAreCountedAndShownWithTheirLines) {
  ::testing::internal::CaptureStderr();
  const std::string text = kReview + "\n{\"rating\": 5.0\n[1]\n" +
                           R"({"parent_asin": "B", "rating": 1, "timestamp": 1})" + "\n" +
                           R"({"user_id": "A", "rating": 1, "timestamp": 1})" + "\n" +
                           R"({"user_id": "A", "parent_asin": "B", "timestamp": 1})" + "\n" +
                           R"({"user_id": "A", "parent_asin": "B", "rating": 1})";
  EXPECT_EQ(read(text, 0.9).size(), 1U);
  EXPECT_EQ(malformed_, 6);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              AllOf(HasSubstr("reviews.jsonl.gz:2: not a JSON object"),
                    HasSubstr("reviews.jsonl.gz:3: not a JSON object: '[1]'"),
                    HasSubstr("reviews.jsonl.gz:4: no user_id"),
                    HasSubstr("reviews.jsonl.gz:5: no parent_asin"),
                    HasSubstr("reviews.jsonl.gz:6: no rating"), HasSubstr("6 of 7 rows")));
  EXPECT_THROW(read(text, 0.5), Error);
}

TEST_F(JsonLines, TitlesAreUnescapedAndMayMiss) {
  EXPECT_THAT(read_titles(kMeta + "\n" + R"({"parent_asin": "B2", "title": null})" + "\n"),
              ElementsAre("Howard LC0008 \xe2\x80\x9c"
                          "Conditioner\xe2\x80\x9d",
                          ""));
  EXPECT_EQ(malformed_, 0);
  EXPECT_THAT(read_titles(R"({"title": "x"})"
                          "\n" +
                          kMeta + "\n"),
              ElementsAre(HasSubstr("Howard"), ""));
  EXPECT_EQ(malformed_, 1);
}

TEST_F(JsonLines, EmptyAndCutOffFilesAreRefused) {
  EXPECT_THROW(read("", 1), Error);
  std::string many;
  for (int i = 0; i < 2000; ++i) many += kReview + std::to_string(i) + "\n";
  const auto path = folder_.write_gz("reviews.jsonl.gz", many);
  std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
  InteractionTable table;
  EXPECT_THROW(read_json_reviews(path, 1, table), Error);
}

}  // namespace
}  // namespace seqsweep
