#include "core/data/prepare.h"

#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/data/delimited.h"
#include "core/data/synthetic.h"
#include "tests/support/raw_folder.h"

namespace seqsweep {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// user,item,rating,timestamp with a header.
Source csv_source(const std::filesystem::path& path) {
  return {.name = "small",
          .files = {path},
          .interactions = [path](InteractionTable& table, double share) {
            return read_delimited(path, {}, {{{"user"}}, {{"item"}}, {{"rating"}}, {{"timestamp"}}},
                                  share, table);
          }};
}

// Three users with the items a, b, c, in time order; one user with a single interaction.
constexpr const char* kRows =
    "user,item,rating,timestamp\n"
    "ann,c,3,300\nann,a,1,100\nann,b,2,200\n"
    "bob,b,2,20\nbob,c,5,20\nbob,a,4,10\n"
    "cid,a,1,1\n"
    "dan,a,1,7\ndan,c,1,7\ndan,b,1,7\n";

class Prepare : public ::testing::Test {
 protected:
  std::shared_ptr<const CachedDataset> open(const Source& source) {
    return open_or_prepare(source, settings_, folder_.path());
  }
  std::filesystem::path cache_file() const {
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path() / "cache")) {
      if (entry.path().extension() == ".cache") return entry.path();
    }
    return {};
  }
  std::vector<std::string> item_keys(const Dataset& dataset, int64_t user) {
    std::vector<std::string> keys;
    for (const int32_t item : dataset.sequence(user)) keys.emplace_back(dataset.item_key(item));
    return keys;
  }

  void SetUp() override { ::unsetenv("SEQSWEEP_CACHE"); }

  RawFolder folder_;
  PrepareSettings settings_{.core = 0, .max_length = 7};
};

TEST_F(Prepare, OrdersByTimeDropsShortUsersAndNumbersByAppearance) {
  const auto dataset = open(csv_source(folder_.write("raw.csv", kRows)));
  ASSERT_EQ(dataset->users(), 3);
  EXPECT_EQ(dataset->items(), 3);
  EXPECT_EQ(dataset->interactions(), 9);
  EXPECT_EQ(dataset->max_length(), 7);
  EXPECT_EQ(dataset->name(), "small");
  EXPECT_EQ(dataset->user_key(0), "ann");
  EXPECT_EQ(dataset->user_key(2), "dan");
  EXPECT_EQ(dataset->item_key(0), "c");
  EXPECT_THAT(item_keys(*dataset, 0), ElementsAre("a", "b", "c"));
  EXPECT_THAT(dataset->ratings(0), ElementsAre(1, 2, 3));
  EXPECT_THAT(dataset->timestamps(0), ElementsAre(100, 200, 300));
  EXPECT_EQ(dataset->preparation().raw_users, 4);
  EXPECT_EQ(dataset->preparation().raw_interactions, 10);
  EXPECT_EQ(dataset->preparation().short_users, 1);
}

TEST_F(Prepare, TiesStayInFileOrderOrFollowTheItemKey) {
  const Source source = csv_source(folder_.write("raw.csv", kRows));
  EXPECT_THAT(item_keys(*open(source), 1), ElementsAre("a", "b", "c"));
  EXPECT_THAT(item_keys(*open(source), 2), ElementsAre("a", "c", "b"));
  settings_.ties = TieRule::ItemKey;
  const auto by_key = open(source);
  EXPECT_THAT(item_keys(*by_key, 2), ElementsAre("a", "b", "c"));
  EXPECT_EQ(by_key->preparation().ties, TieRule::ItemKey);
}

TEST_F(Prepare, ItemKeysThatAreNumbersAreOrderedByValue) {
  settings_.ties = TieRule::ItemKey;
  const auto dataset = open(csv_source(
      folder_.write("raw.csv", "user,item,rating,timestamp\nu,x,1,1\nu,10,1,1\nu,9,1,1\n")));
  EXPECT_THAT(item_keys(*dataset, 0), ElementsAre("9", "10", "x"));
}

TEST_F(Prepare, NothingLeftSaysSo) {
  settings_.core = 50;
  try {
    open(csv_source(folder_.write("raw.csv", kRows)));
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::Input);
    EXPECT_THAT(error.what(), HasSubstr("nothing is left"));
    EXPECT_THAT(error.what(), HasSubstr("smaller 'core'"));
  }
}

TEST_F(Prepare, MissingRawFileIsAnInputError) {
  EXPECT_THROW(open(csv_source(folder_.path() / "none.csv")), Error);
}

TEST_F(Prepare, SecondOpenReadsTheCacheAlone) {
  Source source = csv_source(folder_.write("raw.csv", kRows));
  open(source);
  source.interactions = [](InteractionTable&, double) -> int64_t {
    ADD_FAILURE() << "read again";
    return 0;
  };
  EXPECT_EQ(open(source)->users(), 3);
  // The same content with another date is hashed and found equal.
  folder_.write("raw.csv", kRows);
  EXPECT_EQ(open(source)->users(), 3);
}

TEST_F(Prepare, ChangedContentAndSettingsPrepareAgain) {
  const Source source = csv_source(folder_.write("raw.csv", kRows));
  EXPECT_EQ(open(source)->users(), 3);
  folder_.write("raw.csv", std::string(kRows) + "cid,b,1,2\ncid,c,1,3\n");
  EXPECT_EQ(open(source)->users(), 4);
  settings_.core = 3;
  EXPECT_EQ(open(source)->items(), 3);
  settings_.core = 4;
  EXPECT_THROW(open(source), Error);
}

TEST_F(Prepare, DamagedCacheIsPreparedAgain) {
  const Source source = csv_source(folder_.write("raw.csv", kRows));
  open(source);
  const std::filesystem::path cache = cache_file();
  const std::string whole = read_file(cache);
  const auto expect_mended = [&](const std::string& damaged) {
    std::ofstream(cache, std::ios::binary) << damaged;
    ::testing::internal::CaptureStderr();
    EXPECT_THAT(item_keys(*open(source), 0), ElementsAre("a", "b", "c"));
    EXPECT_THAT(::testing::internal::GetCapturedStderr(),
                HasSubstr("preparing the data set again"));
    EXPECT_EQ(read_file(cache), whole);
  };
  expect_mended("something else");
  for (const size_t bytes : {size_t{0}, size_t{100}, whole.size() / 2, whole.size() - 1}) {
    expect_mended(whole.substr(0, bytes));
  }
  for (size_t at = 0; at < whole.size(); at += 97) {
    std::string flipped = whole;
    flipped[at] = static_cast<char>(flipped[at] ^ 4);
    expect_mended(flipped);
  }
}

// A small disk in memory; only root may mount one.
TEST_F(Prepare, AFullDiskIsAWorldErrorThatSaysWhatToDo) {
  const std::filesystem::path disk = folder_.path() / "disk";
  std::filesystem::create_directory(disk);
  if (::mount("none", disk.c_str(), "tmpfs", 0, "size=64k") != 0) {
    GTEST_SKIP() << "cannot mount a small disk: " << std::strerror(errno);
  }
  ::setenv("SEQSWEEP_CACHE", disk.c_str(), 1);
  std::string rows = "user,item,rating,timestamp\n";
  for (int i = 0; i < 30000; ++i) rows += fmt::format("u{},i{},1,{}\n", i % 1000, i % 7, i);
  const Source source = csv_source(folder_.write("raw.csv", rows));
  try {
    open(source);
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), kExitWorldFailed);
    EXPECT_THAT(error.what(), HasSubstr("No space left on device"));
    EXPECT_THAT(error.what(), HasSubstr("set SEQSWEEP_CACHE"));
  }
  for (const auto& entry : std::filesystem::directory_iterator(disk)) {
    EXPECT_EQ(entry.path().extension(), ".lock") << "nothing half written is left";
  }
  ::unsetenv("SEQSWEEP_CACHE");
  EXPECT_EQ(::umount(disk.c_str()), 0);
  EXPECT_EQ(open(source)->users(), 1000) << "with room it works";
}

TEST_F(Prepare, CacheFolderOfTheEnvironmentIsUsed) {
  const std::filesystem::path chosen = folder_.path() / "elsewhere";
  ::setenv("SEQSWEEP_CACHE", chosen.c_str(), 1);
  open(csv_source(folder_.write("raw.csv", kRows)));
  ::unsetenv("SEQSWEEP_CACHE");
  EXPECT_FALSE(std::filesystem::is_empty(chosen));
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "cache"));
}

TEST_F(Prepare, OneOfManyProcessesPrepares) {
  constexpr int kProcesses = 4;
  const std::filesystem::path log = folder_.write("prepared", "");
  Source source{.name = "made"};
  source.interactions = [&](InteractionTable& table, double) -> int64_t {
    std::ofstream(log, std::ios::app) << "x";
    make_synthetic_interactions({}, table);
    return 0;
  };
  for (int i = 0; i < kProcesses; ++i) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      int code = 1;
      try {
        code = open(source)->users() > 0 ? 0 : 2;
      } catch (const std::exception&) {
      }
      ::_exit(code);
    }
  }
  for (int i = 0; i < kProcesses; ++i) {
    int status = 0;
    ASSERT_GT(::wait(&status), 0);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(std::filesystem::file_size(log), 1U);
}

TEST_F(Prepare, StatisticsAreThoseOfTheTable) {
  const DatasetStatistics statistics =
      statistics_of(*open(csv_source(folder_.write("raw.csv", kRows))));
  EXPECT_EQ(statistics.users, 3);
  EXPECT_DOUBLE_EQ(statistics.mean_length, 3);
  EXPECT_DOUBLE_EQ(statistics.density, 1);
}

}  // namespace
}  // namespace seqsweep
