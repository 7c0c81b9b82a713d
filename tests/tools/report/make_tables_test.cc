// The program itself: what it writes, and how it ends.
#include <gmock/gmock.h>
#include <sys/wait.h>

#include <cstdlib>
#include <string>

#include "core/base/files.h"
#include "tests/tools/report/support.h"

namespace seqsweep {
namespace {

using ::testing::HasSubstr;

class MakeTablesTest : public ::testing::Test {
 protected:
  // The exit code; what it printed is in output_.
  int make_tables(const std::string& arguments) {
    const std::string log = (folder_ / "output.txt").string();
    const std::string command =
        std::string(SEQSWEEP_BIN_DIR) + "/make_tables " + arguments + " > " + log + " 2>&1";
    const int status = std::system(command.c_str());
    output_ = read_file(log);
    return WEXITSTATUS(status);
  }
  std::string path(const std::string& name) { return (folder_ / name).string(); }

  TemporaryFolder folder_;
  std::string output_;
};

TEST_F(MakeTablesTest, PrintsAndWritesTheTables) {
  {
    RunStore store(folder_ / "results.db");
    store.add_sweep("quick", "name: quick",
                    std::vector{planned_run("a", run_config("toy", "net", 1))});
    finish(store, "a", result_of(0.1, 1));
  }
  EXPECT_EQ(make_tables(path("results.db") + " --out " + path("new/tables")), 0);
  EXPECT_THAT(output_, HasSubstr("| net | 1 | 0.2000 |"));
  EXPECT_EQ(output_, read_file(folder_ / "new/tables/tables.md"));
  EXPECT_THAT(read_file(folder_ / "new/tables/table_toy.tex"), HasSubstr("{}net & 1 & 0.2000 &"));
  EXPECT_THAT(read_file(folder_ / "new/tables/table_toy.csv"), HasSubstr("\ntoy,,net,,1,1,0.2,"));
}

TEST_F(MakeTablesTest, WrongInputEndsWithTwo) {
  EXPECT_EQ(make_tables(path("missing.db") + " --out " + path("out")), 2);
  EXPECT_THAT(output_, HasSubstr("missing.db"));
  write_file_atomic(folder_ / "text.db", "this is no database, however long it may be");
  EXPECT_EQ(make_tables(path("text.db") + " --out " + path("out")), 2);
  EXPECT_THAT(output_, HasSubstr("text.db"));
  { RunStore store(folder_ / "empty.db"); }
  EXPECT_EQ(make_tables(path("empty.db") + " --out " + path("out")), 2);
  EXPECT_THAT(output_, HasSubstr("holds no runs"));
  EXPECT_EQ(make_tables(path("empty.db")), 2);
  EXPECT_THAT(output_, HasSubstr("--out"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "out"));
}

TEST_F(MakeTablesTest, AFolderThatCannotBeMadeEndsWithThree) {
  {
    RunStore store(folder_ / "results.db");
    store.add_sweep("quick", "name: quick",
                    std::vector{planned_run("a", run_config("toy", "net", 1))});
  }
  EXPECT_EQ(make_tables(path("results.db") + " --out " + path("results.db/tables")), 3);
  EXPECT_THAT(output_, HasSubstr("make_tables: "));
}

}  // namespace
}  // namespace seqsweep
