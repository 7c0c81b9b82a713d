#include "core/data/key_table.h"

#include <gtest/gtest.h>

#include <string>
#include <unordered_map>

#include "core/base/random.h"

namespace seqsweep {
namespace {

std::string random_key(Rng& rng) {
  std::string key(rng.below(20), 'x');
  for (char& c : key) c = static_cast<char>('a' + rng.below(3));
  return key;
}

TEST(KeyTable, NumbersKeysByFirstAppearanceLikeAMap) {
  KeyTable table;
  std::unordered_map<std::string, int32_t> expected;
  Rng rng(7);
  for (int i = 0; i < 50000; ++i) {
    const std::string key = random_key(rng);
    const auto id = expected.emplace(key, static_cast<int32_t>(expected.size())).first->second;
    ASSERT_EQ(table.intern(key), id) << key;
  }
  ASSERT_EQ(table.size(), std::ssize(expected));
  for (const auto& [key, id] : expected) {
    EXPECT_EQ(table.find(key), id);
    EXPECT_EQ(table.key(id), key);
  }
}

TEST(KeyTable, BatchesGiveTheSameIdsAsSingleKeys) {
  KeyTable single, batched;
  Rng rng(11);
  for (int round = 0; round < 100; ++round) {
    std::vector<std::string> keys(rng.below(300));
    for (std::string& key : keys) {
      key = std::to_string(rng.below(9000));
      if (rng.below(2)) key += "-as-a-long-key";
    }
    const std::vector<std::string_view> views(keys.begin(), keys.end());
    std::vector<int32_t> ids(keys.size());
    batched.intern(views, ids);
    for (size_t i = 0; i < keys.size(); ++i) ASSERT_EQ(ids[i], single.intern(keys[i]));
  }
}

TEST(KeyTable, KeysMayBeEmptyLongAndOfAnyBytes) {
  KeyTable table;
  const std::string zeros(3, '\0'), huge(3 << 20, 'h');
  EXPECT_EQ(table.intern(""), 0);
  EXPECT_EQ(table.intern(zeros), 1);
  EXPECT_EQ(table.intern(huge), 2);
  EXPECT_EQ(table.intern(std::string(2, '\0')), 3) << "zeros at the end count";
  EXPECT_EQ(table.intern(""), 0);
  EXPECT_EQ(table.key(2), huge);
  EXPECT_EQ(table.find("absent"), KeyTable::kAbsent);
}

}  // namespace
}  // namespace seqsweep
