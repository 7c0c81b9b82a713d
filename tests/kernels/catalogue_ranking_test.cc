#include "kernels/catalogue_ranking.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <limits>

#include "core/base/error.h"

namespace seqsweep {
namespace catalogue_ranking_test {

using torch::Tensor;
using Lists = std::vector<std::vector<ScoredItem>>;

struct Case {
  Tensor hidden, embedding, bias;
  std::vector<int32_t> targets;
};

// Small integers: every score is exact, and many tie.
Case make_case(int64_t rows, int64_t items, torch::ScalarType dtype, int64_t width = 20) {
  torch::manual_seed(rows * 1000 + items);
  Case c{torch::randint(-2, 3, {rows, width}).to(dtype),
         torch::randint(-2, 3, {items, width}).to(dtype), torch::randint(-2, 3, {items}).to(dtype)};
  for (int64_t r = 0; r < rows; ++r) {
    c.targets.push_back(static_cast<int32_t>((r * 7919) % items));
  }
  return c;
}

std::vector<std::pair<int32_t, float>> pairs(const std::vector<ScoredItem>& list) {
  std::vector<std::pair<int32_t, float>> result;
  for (const auto& [item, score] : list) result.emplace_back(item, score);
  return result;
}

void expect_same(const Lists& ours, const Lists& plain) {
  ASSERT_EQ(ours.size(), plain.size());
  for (size_t s = 0; s < ours.size(); ++s) EXPECT_EQ(pairs(ours[s]), pairs(plain[s])) << s;
}

void expect_like_reference(const Case& c, const Tensor& bias) {
  SCOPED_TRACE(testing::Message() << c.hidden.sizes() << " " << c.embedding.sizes());
  EXPECT_EQ(rank_in_catalogue(c.hidden, c.embedding, bias, c.targets),
            rank_in_catalogue_reference(c.hidden, c.embedding, bias, c.targets));
  for (const int64_t count : {1, 10, 4000}) {
    expect_same(best_in_catalogue(c.hidden, c.embedding, bias, count),
                best_in_catalogue_reference(c.hidden, c.embedding, bias, count));
  }
}

TEST(CatalogueRanking, AgreesWithTheReference) {
  for (const auto dtype : {torch::kFloat, torch::kDouble}) {
    for (const int64_t rows : {1, 2, 33, 150}) {
      for (const int64_t items : {1, 2, 9, 64, 1000, 3417}) {
        if (rows == 150 && items > 1000) continue;
        const Case c = make_case(rows, items, dtype);
        expect_like_reference(c, c.bias);
        expect_like_reference(c, {});
      }
    }
    expect_like_reference(make_case(5, 300, dtype, 1), {});
    expect_like_reference(make_case(5, 300, dtype, 64), {});
  }
}

TEST(CatalogueRanking, NoRowsNoListsNoItemsEmptyLists) {
  const Tensor none = torch::zeros({0, 3}), some = torch::zeros({2, 3});
  EXPECT_TRUE(rank_in_catalogue(none, some, {}, {}).empty());
  EXPECT_TRUE(best_in_catalogue(none, some, {}, 4).empty());
  const Lists lists = best_in_catalogue(some, none, {}, 4);
  EXPECT_TRUE(lists.size() == 2 && lists[0].empty() && lists[1].empty());
}

// One row over a catalogue that is worth two threads.
TEST(CatalogueRanking, AgreesWithTheReferenceWhenTheItemsAreDivided) {
  const Case c = make_case(1, 50001, torch::kFloat, 100);
  expect_like_reference(c, c.bias);
}

TEST(CatalogueRanking, TiesCountAgainstTheModelAndListTheLowerItemFirst) {
  const Tensor hidden = torch::ones({1, 3}), embedding = torch::ones({200, 3});
  const std::vector<int32_t> targets{70};
  EXPECT_EQ(rank_in_catalogue(hidden, embedding, {}, targets), std::vector<int32_t>{199});
  const auto list = best_in_catalogue(hidden, embedding, {}, 3)[0];
  EXPECT_EQ(pairs(list), (std::vector<std::pair<int32_t, float>>{{0, 3}, {1, 3}, {2, 3}}));
}

TEST(CatalogueRanking, EqualItemsTieExactlyWhereverTheyStand) {
  torch::manual_seed(1);
  const Tensor hidden = torch::randn({50, 33}), one = torch::randn({1, 33});
  const Tensor embedding = torch::cat({one, torch::randn({130, 33}), one, one});
  const std::vector<int32_t> first(50, 0), last(50, 132);
  const auto ranks = rank_in_catalogue(hidden, embedding, {}, first);
  EXPECT_EQ(rank_in_catalogue(hidden, embedding, {}, last), ranks);
  for (const int32_t rank : ranks) EXPECT_GE(rank, 2);
}

TEST(CatalogueRanking, NeitherRowsBesideNorThreadsChangeABit) {
  torch::manual_seed(2);
  const Tensor hidden = torch::randn({70, 50}), embedding = torch::randn({3001, 50});
  const Tensor bias = torch::randn({3001});
  const std::vector<int32_t> targets(70, 1234);
  const Lists together = best_in_catalogue(hidden, embedding, bias, 20);
  const auto ranks = rank_in_catalogue(hidden, embedding, bias, targets);
  const int threads = at::get_num_threads();
  for (const int count : {1, 2, 5}) {
    at::set_num_threads(count);
    expect_same(best_in_catalogue(hidden, embedding, bias, 20), together);
    EXPECT_EQ(rank_in_catalogue(hidden, embedding, bias, targets), ranks);
    for (int64_t s = 0; s < 70; s += 9) {
      const Tensor alone = hidden.narrow(0, s, 1);
      EXPECT_EQ(pairs(best_in_catalogue(alone, embedding, bias, 20)[0]), pairs(together[s]));
      EXPECT_EQ(rank_in_catalogue(alone, embedding, bias, std::span(targets).first(1))[0],
                ranks[s]);
    }
  }
  at::set_num_threads(threads);
}

TEST(CatalogueRanking, ExcludedItemsAreLeftOut) {
  for (const int64_t items : {9, 1000}) {
    const Case c = make_case(4, items, torch::kFloat);
    const std::vector<int32_t> listed{8, 0, 3, 3, 1, 7, 0, 1, 2, 3, 4, 5, 6, 7, 8};
    const std::vector<int64_t> offsets{0, 4, 4, 6, 15};  // Row 3 loses all of nine items.
    const ItemLists excluded{listed, offsets};
    for (const int64_t count : {1, 5, 2000}) {
      const Lists ours = best_in_catalogue(c.hidden, c.embedding, c.bias, count, excluded);
      expect_same(ours,
                  best_in_catalogue_reference(c.hidden, c.embedding, c.bias, count, excluded));
      for (int64_t s = 0; s < 4; ++s) {
        const auto row = excluded.of(s);
        for (const auto& [item, score] : ours[s]) {
          EXPECT_EQ(std::ranges::count(row, item), 0) << item;
        }
      }
      EXPECT_EQ(ours[3].empty(), items == 9);
    }
  }
}

TEST(CatalogueRanking, NaNThrowsWhereverItIs) {
  for (const int64_t place : {0, 70, 129}) {
    Case c = make_case(3, 130, torch::kFloat);
    c.embedding[place][2] = std::numeric_limits<float>::quiet_NaN();
    EXPECT_THROW(rank_in_catalogue(c.hidden, c.embedding, c.bias, c.targets), Error);
    EXPECT_THROW(best_in_catalogue(c.hidden, c.embedding, c.bias, 1), Error);
    EXPECT_THROW(best_in_catalogue(c.hidden, c.embedding, c.bias, 500), Error);
    EXPECT_THROW(rank_in_catalogue_reference(c.hidden, c.embedding, c.bias, c.targets), Error);
    EXPECT_THROW(best_in_catalogue_reference(c.hidden, c.embedding, c.bias, 1), Error);
  }
}

TEST(CatalogueRanking, RefusesWhatDoesNotFit) {
  const Case c = make_case(2, 7, torch::kFloat);
  const std::vector<int32_t> outside{1, 7}, short_by_one{1};
  EXPECT_THROW(rank_in_catalogue(c.hidden, c.embedding, c.bias, outside), Error);
  EXPECT_THROW(rank_in_catalogue(c.hidden, c.embedding, c.bias, short_by_one), Error);
  EXPECT_THROW(rank_in_catalogue(c.hidden, c.embedding.narrow(1, 0, 3), c.bias, c.targets), Error);
  EXPECT_THROW(best_in_catalogue(c.hidden, c.embedding, c.bias.narrow(0, 0, 3), 1), Error);
  EXPECT_THROW(best_in_catalogue(c.hidden, c.embedding, c.bias, 0), Error);
  const std::vector<int32_t> listed{1, 2};
  const std::vector<int64_t> offsets{0, 2};
  EXPECT_THROW(best_in_catalogue(c.hidden, c.embedding, c.bias, 1, {listed, offsets}), Error);
}

}  // namespace catalogue_ranking_test
}  // namespace seqsweep
