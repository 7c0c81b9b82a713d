// The program itself: what it writes, and how it ends.
#include <gmock/gmock.h>
#include <sys/wait.h>

#include <cstdlib>
#include <map>
#include <string>

#include "core/base/files.h"
#include "tests/tools/report/support.h"
#include "tools/report/gnuplot.h"

namespace seqsweep {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

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

  void TearDown() override { ::setenv("PATH", search_path_.c_str(), 1); }

  TemporaryFolder folder_;
  std::string output_;
  const std::string search_path_ = std::getenv("PATH");
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
  EXPECT_THAT(output_, HasSubstr(read_file(folder_ / "new/tables/tables.md")));
  EXPECT_THAT(read_file(folder_ / "new/tables/table_toy.tex"), HasSubstr("{}net & 1 & 0.2000 &"));
  EXPECT_THAT(read_file(folder_ / "new/tables/table_toy.csv"), HasSubstr("\ntoy,,net,,1,1,0.2,"));
}

// All that it writes, by name.
std::map<std::string, std::string> files_in(const std::filesystem::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    files[entry.path().filename().string()] = read_file(entry.path());
  }
  return files;
}

TEST_F(MakeTablesTest, TheSameDatabaseGivesTheSameBytesOfEveryFile) {
  {
    RunStore store(folder_ / "results.db");
    store.add_sweep("quick", "name: quick",
                    std::vector{planned_run("a", run_config("toy", "net", 1)),
                                planned_run("b", run_config("toy", "other", 1))});
    finish(store, "a", result_of_ranks(some_ranks(200, 5, 1)));
    finish(store, "b", result_of_ranks(some_ranks(200, 2, 2)));
  }
  const std::string ablation = " --rows model --cols seed";
  ASSERT_EQ(make_tables(path("results.db") + " --out " + path("one") + ablation), 0) << output_;
  ASSERT_EQ(make_tables(path("results.db") + " --out " + path("two") + ablation), 0);
  const auto files = files_in(folder_ / "one");
  EXPECT_EQ(files, files_in(folder_ / "two"));
  for (const char* name : {"tables.md", "statistics.md", "ablations.md", "report.html",
                           "statistics_toy.csv", "ablation_toy_model_seed_ndcg_10.tex"}) {
    EXPECT_TRUE(files.contains(name)) << name;
  }
  EXPECT_THAT(files.at("tables.md"), HasSubstr("‡"));
  EXPECT_THAT(files.at("tables.md"), HasSubstr("paired permutation test"));
  EXPECT_THAT(files.at("report.html"), HasSubstr("toy: NDCG@10 by model and seed"));
  EXPECT_THAT(files.at("report.html"),
              HasSubstr(gnuplot_installed() ? "<figure aria-label" : "gnuplot is missing"));
}

TEST_F(MakeTablesTest, AMisspeltKeyOfAnAblationEndsWithTwo) {
  {
    RunStore store(folder_ / "results.db");
    store.add_sweep("quick", "name: quick",
                    std::vector{planned_run("a", run_config("toy", "net", 1))});
  }
  const std::string call = path("results.db") + " --out " + path("out");
  EXPECT_EQ(make_tables(call + " --rows modle --cols seed"), 2);
  EXPECT_THAT(output_, HasSubstr("did you mean 'model'?"));
  EXPECT_EQ(make_tables(call + " --rows model"), 2);
  EXPECT_THAT(output_, HasSubstr("--rows and --cols belong together"));
}

TEST_F(MakeTablesTest, DrawsFiguresOrSaysThatGnuplotIsMissing) {
  {
    RunStore store(folder_ / "results.db");
    store.add_sweep("quick", "name: quick",
                    std::vector{planned_run("a", run_config("toy", "net", 1))});
    finish(store, "a", result_of(0.1, 1));
  }
  ASSERT_EQ(make_tables(path("results.db") + " --out " + path("out")), 0);
  const bool drawn = std::filesystem::exists(folder_ / "out/figure_latency_toy.svg");
  EXPECT_EQ(drawn, gnuplot_installed());
  EXPECT_EQ(drawn, std::filesystem::exists(folder_ / "out/figure_latency_toy.pdf"));
  EXPECT_THAT(read_file(folder_ / "out/figures.md"), HasSubstr("(figure_latency_toy.svg)"));

  ::setenv("PATH", (folder_ / "empty").c_str(), 1);  // The shell of system() is not looked for.
  EXPECT_EQ(make_tables(path("results.db") + " --out " + path("without")), 0);
  EXPECT_THAT(output_, HasSubstr("apt-get install gnuplot-nox"));
  EXPECT_TRUE(std::filesystem::exists(folder_ / "without/tables.md"));
  EXPECT_TRUE(std::filesystem::exists(folder_ / "without/figure_latency_toy.csv"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "without/figure_latency_toy.svg"));
}

// A gnuplot that fails: its words, and the tables all the same.
TEST_F(MakeTablesTest, AGnuplotThatFailsEndsWithThree) {
  {
    RunStore store(folder_ / "results.db");
    store.add_sweep("quick", "name: quick",
                    std::vector{planned_run("a", run_config("toy", "net", 1))});
    finish(store, "a", result_of(0.1, 1));
  }
  write_file_atomic(
      folder_ / "bin/gnuplot",
      "#!/bin/sh\n[ \"$1\" = --version ] && exit 0\necho no terminal svg >&2\nexit 1\n");
  std::filesystem::permissions(folder_ / "bin/gnuplot", std::filesystem::perms::owner_all);
  ::setenv("PATH", (folder_ / "bin").c_str(), 1);
  EXPECT_EQ(make_tables(path("results.db") + " --out " + path("out")), 3);
  EXPECT_THAT(output_, HasSubstr("it said: no terminal svg"));
  EXPECT_TRUE(std::filesystem::exists(folder_ / "out/tables.md"));
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

TEST_F(MakeTablesTest, UsageErrorsNameTheProgramAndItsHelp) {
  EXPECT_EQ(make_tables(""), 2);
  EXPECT_EQ(output_, "make_tables: DB is required\nTry 'make_tables --help'.\n");
  EXPECT_EQ(make_tables("--version"), 0);
  EXPECT_THAT(output_, StartsWith("make_tables "));
  EXPECT_EQ(make_tables("--help"), 0);
  EXPECT_THAT(output_, HasSubstr("Exit codes"));
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
