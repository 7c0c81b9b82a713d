#include "core/text/bm25.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <set>

#include "core/base/random.h"
#include "core/text/terms.h"
#include "tests/support/golden_json.h"

namespace seqsweep {
namespace {

using ::testing::IsEmpty;

std::vector<int32_t> items_of(const std::vector<ScoredItem>& found) {
  std::vector<int32_t> items;
  for (const ScoredItem& one : found) items.push_back(one.item);
  return items;
}

// The scores that a package gave; documents without a term of the query have 0 there and are not
// found.
void expect_scores(const Bm25Index& index, const nlohmann::json& one, Bm25Formula formula,
                   const std::vector<double>& expected) {
  const Bm25Parameters parameters{.k1 = one.at("k1"), .b = one.at("b"), .formula = formula};
  const auto found =
      index.search(one.at("query").get<std::string>(), index.documents(), parameters);
  size_t matches = 0;
  for (const double score : expected) matches += score != 0 ? 1 : 0;
  EXPECT_EQ(found.size(), matches) << one.at("query");
  for (const ScoredItem& document : found) {
    EXPECT_NEAR(document.score, expected[document.item], 1e-5 * std::abs(expected[document.item]))
        << one.at("query");
  }
}

TEST(Bm25, EqualsBm25sAndRankBm25) {
  const nlohmann::json golden = read_golden("bm25");
  const Bm25Index index(golden.at("documents").get<std::vector<std::string>>());
  for (const nlohmann::json& one : golden.at("cases")) {
    expect_scores(index, one, Bm25Formula::Lucene, one.at("lucene"));
    expect_scores(index, one, Bm25Formula::Okapi, one.at("okapi"));
  }
}

TEST(Bm25Golden, IsRemade) {
  expect_golden_is_remade("bm25", "bm25s, rank_bm25");
}

TEST(Bm25, TiesGoToTheLowerDocument) {
  const std::vector<std::string> texts = {"b c", "a x", "y", "a z", "a a", "a w"};
  const Bm25Index index(texts);
  EXPECT_EQ(items_of(index.search("a", 10, {})), (std::vector<int32_t>{4, 1, 3, 5}));
  EXPECT_EQ(items_of(index.search("a", 3, {})), (std::vector<int32_t>{4, 1, 3}));
}

TEST(Bm25, FindsNothingWhereNothingIs) {
  const Bm25Index index(std::vector<std::string>{"a b", "", "!!"});
  EXPECT_THAT(index.search("c", 5, {}), IsEmpty());
  EXPECT_THAT(index.search("", 5, {}), IsEmpty());
  EXPECT_EQ(items_of(index.search("a c \xff", 5, {})), std::vector<int32_t>{0});
  EXPECT_THAT(Bm25Index({}).search("a", 5, {}), IsEmpty());
}

// Many documents, few words: the search gives up most of them early and must not lose one.
class Bm25Pruning : public ::testing::Test {
 protected:
  Bm25Pruning() {
    Rng rng(11);
    const auto text = [&](uint64_t words) {
      std::string text;
      for (; words > 0; --words) {  // Frequent words are few, as in titles.
        const double drawn = rng.uniform();
        text += fmt::format("w{} ", static_cast<int>(400 * drawn * drawn * drawn * drawn));
      }
      return text;
    };
    for (int i = 0; i < 5000; ++i) texts_.push_back(text(1 + rng.below(12)));
    for (int i = 0; i < 150; ++i) queries_.push_back(text(1 + rng.below(10)));
  }

  // By the definition, in double.
  std::vector<double> plain_scores(const std::string& query, const Bm25Parameters& parameters) {
    if (documents_.empty()) {
      for (const std::string& text : texts_) {
        documents_.push_back(terms_of(text));
        total_ += static_cast<double>(documents_.back().size());
        for (const std::string& term : std::set(documents_.back().begin(), documents_.back().end()))
          ++having_[term];
      }
    }
    const double count = static_cast<double>(texts_.size());
    std::vector<double> scores(texts_.size());
    for (size_t i = 0; i < texts_.size(); ++i) {
      const double norm = parameters.k1 * (1 - parameters.b +
                                           parameters.b * documents_[i].size() / (total_ / count));
      for (const std::string& term : terms_of(query)) {
        const double frequency = std::count(documents_[i].begin(), documents_[i].end(), term);
        const double idf = std::log(1 + (count - having_[term] + 0.5) / (having_[term] + 0.5));
        scores[i] += idf * frequency / (frequency + norm);
      }
    }
    return scores;
  }

  std::vector<std::string> texts_, queries_;
  std::vector<std::vector<std::string>> documents_;
  std::map<std::string, double> having_;
  double total_ = 0;
};

TEST_F(Bm25Pruning, LosesNoDocument) {
  const Bm25Index index(texts_);
  for (size_t i = 0; i < queries_.size(); ++i) {
    const Bm25Parameters parameters{.k1 = 0.3 + 0.1 * static_cast<double>(i % 20),
                                    .b = static_cast<double>(i % 5) / 4};
    const int64_t count = i % 3 == 0 ? 1 : 10;
    const auto found = index.search(queries_[i], count, parameters);
    std::vector<double> scores = plain_scores(queries_[i], parameters), sorted = scores;
    std::sort(sorted.rbegin(), sorted.rend());
    ASSERT_EQ(found.size(), static_cast<size_t>(count));
    for (size_t rank = 0; rank < found.size(); ++rank) {
      EXPECT_NEAR(found[rank].score, sorted[rank], 1e-5 * sorted[rank]) << queries_[i];
      EXPECT_NEAR(found[rank].score, scores[found[rank].item], 1e-5 * sorted[rank]) << queries_[i];
    }
    // Nothing is given up for a whole list: its head is the short one, ties included.
    auto all = index.search(queries_[i], index.documents(), parameters);
    all.resize(found.size());
    EXPECT_EQ(items_of(found), items_of(all)) << queries_[i];
  }
}

TEST_F(Bm25Pruning, ThreadsFindTheSame) {
  const Bm25Index index(texts_);
  const auto found = index.search_all(queries_, 10, {}, 4);
  ASSERT_EQ(found.size(), queries_.size());
  for (size_t i = 0; i < queries_.size(); ++i) {
    const auto alone = index.search(queries_[i], 10, {});
    ASSERT_EQ(items_of(found[i]), items_of(alone));
    for (size_t rank = 0; rank < alone.size(); ++rank)
      EXPECT_EQ(found[i][rank].score, alone[rank].score);
  }
}

}  // namespace
}  // namespace seqsweep
