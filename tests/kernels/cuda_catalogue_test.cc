// Losses and rankings over a catalogue, on a GPU.
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cstdlib>
#include <limits>

#include "core/base/error.h"
#include "kernels/catalogue_ranking.h"
#include "kernels/linear_cross_entropy.h"
#include "tests/support/on_gpu.h"

namespace seqsweep {
namespace cuda_catalogue_test {

using torch::Tensor;
using Lists = std::vector<std::vector<ScoredItem>>;

class CudaCrossEntropy : public GpuTest {
 protected:
  struct Case {
    int64_t rows, items, width;
    bool bias = true;
    int64_t negatives = 0;  // 0: the loss over all items.
  };
  void expect_like_reference(const Case& c, bool same_bits = true) const {
    SCOPED_TRACE(testing::Message() << c.rows << " rows, " << c.items << " items, width " << c.width
                                    << ", bias " << c.bias << ", negatives " << c.negatives);
    torch::manual_seed(c.rows * 1000 + c.items);
    Tensors inputs{torch::randn({c.rows, c.width}), torch::randn({c.items, c.width})};
    if (c.bias) inputs.push_back(torch::randn({c.items}));
    const Tensor targets = torch::randint(c.items, {c.rows}, torch::kLong);
    const Tensor negatives = torch::randint(c.items, {c.negatives}, torch::kLong);
    const Tensor log_expected = torch::rand({c.negatives});
    const auto loss = [&](auto all, auto sampled) {
      return [=](const Tensors& v) {
        const auto there = [&](const Tensor& x) { return x.to(v[0].device()); };
        const Tensor bias = v.size() > 2 ? v[2] : Tensor();
        if (negatives.numel() == 0) return all(v[0], v[1], bias, there(targets));
        return sampled(v[0], v[1], bias, there(targets), there(negatives),
                       there(log_expected).to(v[0].scalar_type()));
      };
    };
    const Function op = loss(linear_cross_entropy, sampled_cross_entropy);
    const Function reference =
        loss(linear_cross_entropy_reference, sampled_cross_entropy_reference);
    const Tensor one = torch::ones({}, torch::kDouble);
    const Tensors ours = with_gradients(op, on_gpu(inputs), one);
    expect_relative(ours, with_gradients(reference, to(inputs, torch::kDouble), one), 2e-5);
    if (same_bits) expect_same_bits(with_gradients(op, on_gpu(inputs), one), ours);
  }
};

TEST_F(CudaCrossEntropy, AgreesWithTheReference) {
  for (const bool bias : {true, false}) {
    for (const int64_t rows : {1, 31, 63, 64, 65, 257, 1000}) {
      for (const int64_t items : {1, 2, 33, 257}) expect_like_reference({rows, items, 16, bias});
    }
  }
}

TEST_F(CudaCrossEntropy, AgreesOverManyChunks) {
  for (const bool bias : {true, false}) {
    expect_like_reference({.rows = 5000, .items = 3417, .width = 64, .bias = bias});
    expect_like_reference({.rows = 150, .items = 300'001, .width = 50, .bias = bias});
  }
}

TEST_F(CudaCrossEntropy, OddWidths) {
  for (const int64_t width : {1, 3, 31, 33, 65, 100}) expect_like_reference({40, 129, width});
}

TEST_F(CudaCrossEntropy, NoRow) {
  expect_like_reference({0, 7, 3});
}

TEST_F(CudaCrossEntropy, LargeScoresStayFiniteAndNaNIsNotHidden) {
  Tensors inputs = on_gpu({torch::randn({20, 16}) * 1000, torch::randn({40, 16})});
  const Tensor targets = torch::arange(20).to(device_);
  const auto op = [&](const Tensors& v) { return linear_cross_entropy(v[0], v[1], {}, targets); };
  for (const Tensor& result : with_gradients(op, inputs)) {
    EXPECT_TRUE(result.isfinite().all().item<bool>());
  }
  inputs[0][3][0] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(op(inputs).isnan().item<bool>());
}

TEST_F(CudaCrossEntropy, SampledAgreesWithTheReference) {
  for (const bool bias : {true, false}) {
    for (const int64_t rows : {1, 33, 1000}) {
      for (const int64_t items : {1, 2, 257}) {
        for (const int64_t negatives : {1, 2, 64, 500}) {
          expect_like_reference({rows, items, 16, bias, negatives}, /*same_bits=*/false);
        }
      }
    }
  }
}

TEST_F(CudaCrossEntropy, SampledGivesTheSameBits) {
  for (const bool bias : {true, false}) expect_like_reference({1000, 257, 16, bias, 500});
}

TEST_F(CudaCrossEntropy, SampledOfNoRow) {
  expect_like_reference({0, 7, 3, true, 5}, /*same_bits=*/false);
}

struct Scoring {
  Tensor hidden, embedding, bias;
  std::vector<int32_t> targets;
  Scoring to(c10::Device device) const {
    return {hidden.to(device), embedding.to(device), bias.to(device), targets};
  }
  Scoring exact() const {
    return {hidden.to(torch::kDouble), embedding.to(torch::kDouble), bias.to(torch::kDouble),
            targets};
  }
};

Scoring draw_scoring(int64_t rows, int64_t items, int64_t width, bool small_integers) {
  torch::manual_seed(rows * 1000 + items);
  const auto draw = [&](at::IntArrayRef sizes) {
    return small_integers ? torch::randint(-2, 3, sizes).to(torch::kFloat) : torch::randn(sizes);
  };
  Scoring c{draw({rows, width}), draw({items, width}), draw({items}), {}};
  for (int64_t r = 0; r < rows; ++r) c.targets.push_back(static_cast<int32_t>(r * 7919 % items));
  return c;
}

void expect_same_lists(const Lists& ours, const Lists& plain) {
  ASSERT_EQ(ours.size(), plain.size());
  for (size_t s = 0; s < ours.size(); ++s) {
    ASSERT_EQ(ours[s].size(), plain[s].size()) << "row " << s;
    for (size_t i = 0; i < ours[s].size(); ++i) {
      EXPECT_EQ(ours[s][i].item, plain[s][i].item) << "row " << s << ", place " << i;
      EXPECT_EQ(ours[s][i].score, plain[s][i].score) << "row " << s << ", place " << i;
    }
  }
}

class CudaCatalogueRanking : public GpuTest {};

// Small integers: every score is exact, and many tie.
TEST_F(CudaCatalogueRanking, AgreesWithTheReferenceWhereScoresTie) {
  for (const int64_t rows : {1, 2, 33, 150}) {
    for (const int64_t items : {1, 2, 9, 255, 256, 257, 3417}) {
      for (const int64_t width : {1, 20, 64}) {
        SCOPED_TRACE(testing::Message() << rows << " " << items << " " << width);
        const Scoring c = draw_scoring(rows, items, width, /*small_integers=*/true);
        const Scoring there = c.to(device_);
        for (const bool bias : {true, false}) {
          const Tensor b = bias ? c.bias : Tensor(), b_there = bias ? there.bias : Tensor();
          EXPECT_EQ(rank_in_catalogue(there.hidden, there.embedding, b_there, c.targets),
                    rank_in_catalogue_reference(c.hidden, c.embedding, b, c.targets));
          for (const int64_t count : {1, 10, 128, 129, 4000}) {
            expect_same_lists(best_in_catalogue(there.hidden, there.embedding, b_there, count),
                              best_in_catalogue_reference(c.hidden, c.embedding, b, count));
          }
        }
      }
    }
  }
}

TEST_F(CudaCatalogueRanking, AgreesWithTheReferenceOverALargeCatalogue) {
  const Scoring c = draw_scoring(3, 300'001, 16, /*small_integers=*/true), there = c.to(device_);
  for (const int64_t count : {1, 17, 128, 200}) {
    expect_same_lists(best_in_catalogue(there.hidden, there.embedding, there.bias, count),
                      best_in_catalogue_reference(c.hidden, c.embedding, c.bias, count));
  }
  EXPECT_EQ(rank_in_catalogue(there.hidden, there.embedding, there.bias, c.targets),
            rank_in_catalogue_reference(c.hidden, c.embedding, c.bias, c.targets));
}

// A score may be rounded otherwise: then neighbours change places.
TEST_F(CudaCatalogueRanking, AgreesWithTheReferenceWhereScoresAreRounded) {
  for (const auto& [rows, items] : {std::pair<int64_t, int64_t>{200, 3001}, {300, 60'001}}) {
    const Scoring c = draw_scoring(rows, items, 64, /*small_integers=*/false);
    const Scoring there = c.to(device_), exact = c.exact();
    const auto ranks = rank_in_catalogue(there.hidden, there.embedding, there.bias, c.targets);
    const auto expected =
        rank_in_catalogue_reference(exact.hidden, exact.embedding, exact.bias, c.targets);
    int64_t other = 0;
    for (size_t i = 0; i < ranks.size(); ++i) {
      EXPECT_LE(std::abs(ranks[i] - expected[i]), 2) << i;
      other += ranks[i] != expected[i];
    }
    EXPECT_LE(other, rows / 10);
    const Lists lists = best_in_catalogue(there.hidden, there.embedding, there.bias, 20);
    const Lists plain = best_in_catalogue_reference(exact.hidden, exact.embedding, exact.bias, 20);
    int64_t moved = 0;
    for (size_t s = 0; s < lists.size(); ++s) {
      ASSERT_EQ(lists[s].size(), 20U);
      for (size_t i = 0; i < 20; ++i) {
        moved += lists[s][i].item != plain[s][i].item;
        EXPECT_NEAR(lists[s][i].score, plain[s][i].score, 1e-4);
      }
    }
    EXPECT_LE(moved, rows / 10);
    expect_same_lists(best_in_catalogue(there.hidden, there.embedding, there.bias, 20), lists);
  }
}

TEST_F(CudaCatalogueRanking, EqualItemsTieExactlyWhereverTheyStand) {
  torch::manual_seed(1);
  const Tensor hidden = torch::randn({50, 33}).to(device_), one = torch::randn({1, 33});
  const Tensor embedding = torch::cat({one, torch::randn({130, 33}), one, one}).to(device_);
  const std::vector<int32_t> first(50, 0), last(50, 132);
  const auto ranks = rank_in_catalogue(hidden, embedding, {}, first);
  EXPECT_EQ(rank_in_catalogue(hidden, embedding, {}, last), ranks);
  for (const int32_t rank : ranks) EXPECT_GE(rank, 2);
}

TEST_F(CudaCatalogueRanking, ExcludedItemsAreLeftOut) {
  for (const int64_t items : {9, 1000}) {
    const Scoring c = draw_scoring(4, items, 20, /*small_integers=*/true);
    const Scoring there = c.to(device_);
    const std::vector<int32_t> listed{8, 0, 3, 3, 1, 7, 0, 1, 2, 3, 4, 5, 6, 7, 8};
    const std::vector<int64_t> offsets{0, 4, 4, 6, 15};  // Row 3 loses all of nine items.
    for (const int64_t count : {1, 5, 2000}) {
      expect_same_lists(
          best_in_catalogue(there.hidden, there.embedding, there.bias, count, {listed, offsets}),
          best_in_catalogue_reference(c.hidden, c.embedding, c.bias, count, {listed, offsets}));
    }
  }
}

TEST_F(CudaCatalogueRanking, NoRowsNoItems) {
  const Tensor none = torch::zeros({0, 3}, device_), some = torch::zeros({2, 3}, device_);
  EXPECT_TRUE(rank_in_catalogue(none, some, {}, {}).empty());
  EXPECT_TRUE(best_in_catalogue(none, some, {}, 4).empty());
  const Lists lists = best_in_catalogue(some, none, {}, 4);
  EXPECT_TRUE(lists.size() == 2 && lists[0].empty() && lists[1].empty());
}

TEST_F(CudaCatalogueRanking, NaNThrowsWhereverItIs) {
  for (const int64_t place : {0, 70, 129}) {
    const Scoring c = draw_scoring(3, 130, 20, /*small_integers=*/true).to(device_);
    c.embedding[place][2] = std::numeric_limits<float>::quiet_NaN();
    EXPECT_THROW(rank_in_catalogue(c.hidden, c.embedding, c.bias, c.targets), Error);
    EXPECT_THROW(best_in_catalogue(c.hidden, c.embedding, c.bias, 1), Error);
  }
}

}  // namespace cuda_catalogue_test
}  // namespace seqsweep
