#include "core/data/cache.h"

#include <gmock/gmock.h>

#include "core/base/error.h"
#include "tests/support/prepared_data.h"
#include "tests/support/raw_folder.h"

namespace seqsweep {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const CacheOrigin kOrigin = {.settings_hash = std::string(64, 'a'),
                             .raw_hash = std::string(64, 'b'),
                             .stamps = {{1, 2, 3, 4}, {5, 6, 7, 8}}};

class Cache : public ::testing::Test {
 protected:
  std::string write(const PreparedData& data) {
    write_cache(path_, kOrigin, data);
    return read_file(path_);
  }
  // What open_cache says of these bytes; "" when it opens them.
  std::string damage_of(const std::string& bytes) {
    folder_.write("small.cache", bytes);
    const OpenedCache cache = open_cache(path_, "small", 5);
    EXPECT_EQ(cache.dataset == nullptr, !cache.damage.empty());
    return cache.damage;
  }

  RawFolder folder_;
  std::filesystem::path path_ = folder_.path() / "small.cache";
};

TEST_F(Cache, GivesBackWhatWasWritten) {
  write(small_prepared_data());
  const auto dataset = open_cache(path_, "small", 5).dataset;
  ASSERT_TRUE(dataset);
  EXPECT_EQ(dataset->name(), "small");
  EXPECT_EQ(dataset->max_length(), 5);
  EXPECT_EQ(dataset->users(), 2);
  EXPECT_EQ(dataset->items(), 3);
  EXPECT_EQ(dataset->interactions(), 7);
  EXPECT_THAT(dataset->sequence(0), ElementsAre(0, 1, 0));
  EXPECT_THAT(dataset->sequence(1), ElementsAre(1, 1, 0, 2));
  EXPECT_THAT(dataset->ratings(1), ElementsAre(4, 5, 4, 3));
  EXPECT_THAT(dataset->timestamps(1), ElementsAre(-1, 0, 1, 2));
  EXPECT_EQ(dataset->title(0), "Am\xc3\xa9lie");
  EXPECT_EQ(dataset->title(1), "");
  EXPECT_EQ(dataset->item_key(2), "i8");
  EXPECT_EQ(dataset->user_key(1), "bob");
  EXPECT_EQ(dataset->origin().settings_hash, kOrigin.settings_hash);
  EXPECT_EQ(dataset->origin().raw_hash, kOrigin.raw_hash);
  EXPECT_EQ(dataset->origin().stamps, kOrigin.stamps);
  EXPECT_EQ(dataset->preparation().raw_interactions, 70);
  EXPECT_EQ(dataset->preparation().short_users, 9);
  EXPECT_EQ(dataset->preparation().ties, TieRule::ItemKey);
}

TEST_F(Cache, LeaveOneOutTakesTheLastTwo) {
  write(small_prepared_data());
  const auto dataset = open_cache(path_, "small", 5).dataset;
  EXPECT_EQ(dataset->target(1, Split::Test), 2);
  EXPECT_THAT(dataset->history(1, Split::Test), ElementsAre(1, 1, 0));
  EXPECT_EQ(dataset->target(1, Split::Validation), 0);
  EXPECT_THAT(dataset->history(1, Split::Validation), ElementsAre(1, 1));
  EXPECT_THAT(dataset->history(0, Split::Train), ElementsAre(0));
}

TEST_F(Cache, RatingsAndTimesMayMiss) {
  PreparedData data = small_prepared_data();
  data.sequences.ratings.clear();
  data.sequences.timestamps.clear();
  write(data);
  const auto dataset = open_cache(path_, "small", 5).dataset;
  EXPECT_TRUE(dataset->ratings(1).empty());
  EXPECT_TRUE(dataset->timestamps(0).empty());
}

TEST_F(Cache, TruncationsAreFound) {
  const std::string whole = write(small_prepared_data());
  for (size_t bytes = 0; bytes < whole.size(); bytes += 13) {
    EXPECT_NE(damage_of(whole.substr(0, bytes)), "") << bytes;
  }
  EXPECT_NE(damage_of(whole.substr(0, whole.size() - 1)), "");
  EXPECT_THAT(damage_of(whole + '\0'), HasSubstr("cut off"));
  EXPECT_EQ(damage_of(whole), "");
}

// Bytes all over the file, each with another bit.
TEST_F(Cache, FlippedBitsAreFound) {
  const std::string whole = write(small_prepared_data());
  for (size_t at = 0; at < whole.size(); at += 7) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << at % 8));
    ASSERT_NE(damage_of(bytes), "") << "byte " << at;
  }
}

// Checksums that are right over columns that are not: as a program with a bug would write them.
TEST_F(Cache, ColumnsThatContradictEachOtherAreFound) {
  const auto damaged = [&](auto&& change) {
    PreparedData data = small_prepared_data();
    change(data);
    return damage_of(write(data));
  };
  EXPECT_THAT(damaged([](PreparedData& data) { data.sequences.items[3] = 3; }),
              HasSubstr("contradict"));
  EXPECT_THAT(damaged([](PreparedData& data) { data.sequences.items[3] = -1; }),
              HasSubstr("contradict"));
  EXPECT_THAT(damaged([](PreparedData& data) { data.sequences.offsets[1] = 8; }),
              HasSubstr("contradict"));
  EXPECT_THAT(damaged([](PreparedData& data) { data.sequences.ratings.pop_back(); }),
              HasSubstr("contradict"));
  EXPECT_THAT(damaged([](PreparedData& data) { data.titles.ends[1] = 1000; }),
              HasSubstr("contradict"));
}

TEST_F(Cache, StampsFollowTheFile) {
  const auto raw = folder_.write("raw", "x");
  const FileStamp first = stamp_of(raw);
  EXPECT_EQ(first, stamp_of(raw));
  folder_.write("raw", "xy");
  EXPECT_NE(first, stamp_of(raw));
  EXPECT_THROW(stamp_of(folder_.path() / "none"), Error);
}

}  // namespace
}  // namespace seqsweep
