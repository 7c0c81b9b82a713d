#include "kernels/catalogue_best_cuda.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "core/base/error.h"
#include "tests/support/on_gpu.h"

namespace seqsweep {
namespace catalogue_best_cuda_test {

using torch::Tensor;

class BestOnGpu : public OnlyGpuTest {
 protected:
  // Whole numbers, so that scores are exact and many tie.
  static Tensor whole_numbers(at::IntArrayRef sizes) {
    return torch::randint(-3, 4, sizes, torch::kFloat);
  }

  void expect_the_references(const Tensor& hidden_SD, const Tensor& embedding_VD,
                             const Tensor& bias_V, int64_t count, const ItemLists& excluded) const {
    const auto expected =
        best_in_catalogue_reference(hidden_SD, embedding_VD, bias_V, count, excluded);
    const Tensor bias = bias_V.defined() ? bias_V.to(device_) : bias_V;
    const int64_t most = std::min(count, embedding_VD.size(0));
    const Tensor found = launch_best_in_catalogue(hidden_SD.to(device_), embedding_VD.to(device_),
                                                  bias, most, excluded)
                             .cpu();
    const auto lists = read_best(found.data_ptr<int64_t>(), hidden_SD.size(0), most);
    ASSERT_EQ(lists.size(), expected.size());
    for (size_t row = 0; row < lists.size(); ++row) {
      ASSERT_EQ(lists[row].size(), expected[row].size()) << "row " << row;
      for (size_t k = 0; k < lists[row].size(); ++k) {
        EXPECT_EQ(lists[row][k].item, expected[row][k].item) << "row " << row << ", place " << k;
        EXPECT_EQ(lists[row][k].score, expected[row][k].score);
      }
    }
  }
};

TEST_F(BestOnGpu, AreTheReferencesWithTies) {
  torch::manual_seed(1);
  for (const int64_t items : {1, 5, 255, 256, 257, 3417, 40000}) {
    for (const int64_t count : {1, 10, 128}) {
      for (const int64_t width : {1, 30, 64}) {
        expect_the_references(whole_numbers({3, width}), whole_numbers({items, width}),
                              whole_numbers({items}), count, {});
      }
    }
  }
}

TEST_F(BestOnGpu, LeaveOutWhatARowExcludes) {
  torch::manual_seed(2);
  std::vector<int32_t> items;
  for (int32_t i = 0; i < 600; i += 2) items.push_back(i);  // Of row 0; row 1 has none.
  items.insert(items.end(), {0, 1, 2, 3, 4, 5, 6});         // Of row 2.
  const std::vector<int64_t> offsets{0, 300, 300, 307};
  expect_the_references(whole_numbers({3, 8}), whole_numbers({600, 8}), {}, 20, {items, offsets});
  // Fewer are left than are asked for.
  expect_the_references(whole_numbers({3, 8}), whole_numbers({604, 8}), {}, 128, {items, offsets});
}

// Rows share blocks, which keep candidates of each: lists of all sizes, full or not.
TEST_F(BestOnGpu, OfManyRowsAreTheReferences) {
  torch::manual_seed(4);
  for (const int64_t rows : {7, 8, 33}) {
    std::vector<int32_t> listed;
    std::vector<int64_t> offsets{0};
    for (int64_t row = 0; row < rows; ++row) {
      for (int32_t i = 0; i < row; ++i) listed.push_back(i * 3);
      offsets.push_back(std::ssize(listed));
    }
    for (const int64_t items : {1, 100, 128, 129, 1000}) {
      for (const int64_t count : {1, 16, 17, 64, 65, 128}) {
        SCOPED_TRACE(testing::Message() << rows << " rows, " << items << " items, best " << count);
        const Tensor hidden = whole_numbers({rows, 37});
        expect_the_references(hidden, whole_numbers({items, 37}), whole_numbers({items}), count,
                              {listed, offsets});
      }
    }
  }
}

TEST_F(BestOnGpu, MayComeLast) {
  const Tensor hidden = torch::ones({9, 1}), rising = torch::arange(1500).unsqueeze(1);
  for (const int64_t count : {10, 64, 128}) {
    expect_the_references(hidden, rising.to(torch::kFloat), {}, count, {});
  }
}

TEST_F(BestOnGpu, NumbersThatStartAnywhereAreRead) {
  torch::manual_seed(3);
  const Tensor memory = whole_numbers({1 + 300 * 8}).to(device_);
  const Tensor embedding = memory.narrow(0, 1, 300 * 8).view({300, 8});  // Not at 16 bytes.
  const Tensor hidden = whole_numbers({2, 8});
  const auto expected = best_in_catalogue_reference(hidden, embedding.cpu(), {}, 10);
  const auto lists = best_in_catalogue(hidden.to(device_), embedding, {}, 10);
  for (size_t row = 0; row < 2; ++row) {
    for (size_t k = 0; k < 10; ++k) EXPECT_EQ(lists[row][k].item, expected[row][k].item);
  }
}

TEST_F(BestOnGpu, ANaNIsAnError) {
  const Tensor embedding = torch::ones({900, 4});
  embedding[700][2] = NAN;
  for (const int64_t rows : {1, 40}) {
    const Tensor hidden = torch::ones({rows, 4}).to(device_);
    EXPECT_THROW(best_in_catalogue(hidden, embedding.to(device_), {}, 5), Error);
  }
}

TEST(BestOfGpu, ReadsKeys) {
  // 1.0 of item 7, -1.0 of item 9, nothing, and no NaN.
  const std::vector<int64_t> found{static_cast<int64_t>(0xBF800000FFFFFFF8ULL),
                                   static_cast<int64_t>(0x407FFFFFFFFFFFF6ULL), 0, 0};
  const auto list = read_best(found.data(), 1, 3).front();
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[0].item, 7);
  EXPECT_EQ(list[0].score, 1);
  EXPECT_EQ(list[1].item, 9);
  EXPECT_EQ(list[1].score, -1);
}

}  // namespace catalogue_best_cuda_test
}  // namespace seqsweep
