#include "core/data/cache_folder.h"

#include <gmock/gmock.h>

#include <atomic>
#include <cstdlib>
#include <thread>

#include "core/base/error.h"
#include "tests/support/raw_folder.h"

namespace seqsweep {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Sets a variable, or removes it (nullptr), for the time of a test.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    value ? ::setenv(name, value, 1) : ::unsetenv(name);
  }
  ~Variable() { old_ ? ::setenv(name_, old_->c_str(), 1) : ::unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
  std::optional<std::string> old_;
};

TEST(CacheFolders, TheChosenOneCountsAlone) {
  const Variable chosen("SEQSWEEP_CACHE", "/chosen");
  EXPECT_THAT(cache_folders("data"), ElementsAre("/chosen"));
}

TEST(CacheFolders, OtherwiseBesideTheDataThenWithTheUser) {
  const Variable chosen("SEQSWEEP_CACHE", nullptr), home("HOME", "/home/u");
  {
    const Variable xdg("XDG_CACHE_HOME", "/xdg");
    EXPECT_THAT(cache_folders("data"), ElementsAre("data/cache", "/xdg/seqsweep"));
  }
  const Variable xdg("XDG_CACHE_HOME", nullptr);
  EXPECT_THAT(cache_folders("data"), ElementsAre("data/cache", "/home/u/.cache/seqsweep"));
}

TEST(WritableFolder, TheFirstThatCanBeMadeIsTaken) {
  const RawFolder folder;
  const auto file = folder.write("file", "");
  EXPECT_EQ(writable_folder({file / "cache", folder.path() / "a" / "b"}), folder.path() / "a/b");
  EXPECT_TRUE(std::filesystem::is_directory(folder.path() / "a/b"));
  try {
    writable_folder({file / "cache", file / "other"});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), kExitWorldFailed);
    EXPECT_THAT(error.what(), HasSubstr((file / "other").string()));
    EXPECT_THAT(error.what(), HasSubstr("SEQSWEEP_CACHE"));
  }
}

TEST(FileLock, OneHolderAtATime) {
  const RawFolder folder;
  std::atomic<int> inside = 0, most = 0;
  const auto hold = [&] {
    for (int i = 0; i < 50; ++i) {
      const FileLock lock(folder.path() / "x.lock");
      most = std::max(most.load(), ++inside);
      std::this_thread::yield();
      --inside;
    }
  };
  std::thread one(hold), two(hold), three(hold);
  one.join();
  two.join();
  three.join();
  EXPECT_EQ(most, 1);
}

TEST(FileLock, AFolderThatIsNotThereIsAWorldError) {
  EXPECT_THROW(FileLock("/none/x.lock"), Error);
}

}  // namespace
}  // namespace seqsweep
