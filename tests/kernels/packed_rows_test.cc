#include "kernels/packed_rows.h"

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <map>
#include <mutex>

#include "tests/support/packed.h"

namespace seqsweep {
namespace packed_rows_test {

using torch::Tensor;

constexpr int64_t kMuch = 1 << 20;  // Enough a token for as many parts as threads.

class WorkPartsTest : public testing::Test {
 protected:
  WorkPartsTest() { at::set_num_threads(3); }
  ~WorkPartsTest() override { at::set_num_threads(threads_before_); }

 private:
  const int threads_before_ = at::get_num_threads();
};

std::map<int64_t, std::vector<Unit>> units_of(const WorkParts& parts) {
  std::vector<std::vector<Unit>> by_part(parts.count());
  parts.run([&](int64_t part, const Unit* first, const Unit* last) {
    by_part[part].assign(first, last);
  });
  std::map<int64_t, std::vector<Unit>> units;
  for (size_t i = 0; i < by_part.size(); ++i) units[static_cast<int64_t>(i)] = by_part[i];
  return units;
}

TEST_F(WorkPartsTest, EveryUnitIsInOnePartAndInOrder) {
  const std::vector<int> lengths{5, 0, 7, 100, 1};
  std::vector<std::pair<int64_t, int64_t>> seen, expected;
  int64_t begin = 0;
  for (const auto& [part, units] : units_of(WorkParts(offsets_of(lengths), 2, kMuch))) {
    for (const Unit& unit : units) {
      seen.emplace_back(unit.sequence, unit.group);
      EXPECT_EQ(unit.length, lengths[unit.sequence]);
      EXPECT_GE(unit.begin, begin);
      begin = unit.begin;
    }
  }
  for (const int64_t s : {0, 2, 3, 4}) {
    for (const int64_t group : {0, 1}) expected.emplace_back(s, group);
  }
  EXPECT_EQ(seen, expected);
}

TEST_F(WorkPartsTest, PartsHaveAboutEqualNumbersOfTokens) {
  std::vector<int> lengths;
  for (int i = 0; i < 300; ++i) lengths.push_back(i * 37 % 90);
  const Tensor offsets = offsets_of(lengths);
  const int64_t all = offsets[-1].item<int>();
  const auto units = units_of(WorkParts(offsets, 1, kMuch));
  ASSERT_EQ(units.size(), 3U);
  for (const auto& [part, of_part] : units) {
    int64_t tokens = 0;
    for (const Unit& unit : of_part) tokens += unit.length;
    EXPECT_NEAR(static_cast<double>(tokens), static_cast<double>(all) / 3, 90);
  }
}

TEST_F(WorkPartsTest, LittleWorkIsOnePartAndNoneIsNone) {
  EXPECT_EQ(WorkParts(offsets_of({5, 5}), 1, 100).count(), 1);
  EXPECT_EQ(units_of(WorkParts(offsets_of({5, 5}), 1, 100)).at(0).size(), 2U);
  EXPECT_TRUE(units_of(WorkParts(offsets_of({0}), 1, kMuch)).at(0).empty());
}

TEST(PackedRows, OffsetsMustFitTheRows) {
  const Tensor rows = torch::zeros({10, 2});
  require_offsets("op", offsets_of({4, 0, 6}), rows);
  expect_error([&] { require_offsets("op", offsets_of({4, 5}), rows); }, {"op", "10 tokens"});
  expect_error(
      [&] {
        require_offsets("op", torch::tensor({0, 7, 4, 10}, torch::kInt), rows);
      },
      {"op", "rise"});
  expect_error([&] { require_offsets("op", torch::tensor({0, 10}), rows); }, {"op", "int32"});
}

TEST(PackedRows, OnlyRowsOfScatteredNumbersAreCopied) {
  const Tensor rows = torch::arange(12).view({3, 4});
  const Tensor part = rows.narrow(1, 1, 2);
  EXPECT_TRUE(with_contiguous_rows(part).is_same(part));
  const Tensor scattered = rows.t();
  EXPECT_EQ(with_contiguous_rows(scattered).stride(1), 1);
  EXPECT_TRUE(torch::equal(with_contiguous_rows(scattered), scattered));
}

TEST_F(WorkPartsTest, RunsOfSequencesAreAllSequencesOnce) {
  std::mutex mutex;
  for (const std::vector<int>& lengths :
       {std::vector<int>{70, 0, 200, 90}, std::vector<int>{1, 2, 3}, std::vector<int>{}}) {
    std::vector<int> visits(lengths.size());
    for_runs_of_sequences(offsets_of(lengths), [&](int64_t first, int64_t last, int64_t longest) {
      const std::lock_guard lock(mutex);
      EXPECT_EQ(longest, *std::ranges::max_element(lengths));
      for (int64_t s = first; s < last; ++s) ++visits[s];
    });
    EXPECT_EQ(visits, std::vector<int>(lengths.size(), 1));
  }
}

}  // namespace packed_rows_test
}  // namespace seqsweep
