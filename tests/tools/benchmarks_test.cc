// tools/benchmarks.py: the real page keeps its promise; on a small page, what it makes anew and
// what it leaves alone.
#include <gmock/gmock.h>

#include "core/base/files.h"
#include "core/base/text.h"
#include "tests/support/command.h"

namespace seqsweep {
namespace benchmarks_test {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kPage = R"(# Page

Words before.

<!-- begin table: for n in 1 2; do echo "progress $n";
done; printf '| a | b |\n|---|---:|\n| 1 | 2 |\n' -->
| a | b |
|---|---:|
| 0 | 0 |

old
<!-- end table -->

<!-- begin lines: printf 'speed  7\nmemory 8\n' -->
old
<!-- end lines -->

<!-- begin far: echo new
needs: no-such-package, sh -->
far away
<!-- end far -->

<!-- begin pasted: echo new
by hand: two runs -->
by hand
<!-- end pasted -->

<!-- begin broken: echo half; false -->
whole
<!-- end broken -->
)";

class Benchmarks : public testing::Test {
 protected:
  void SetUp() override {
    if (run_command({"python3", "--version"}).code != 0) GTEST_SKIP() << "no python3 on PATH";
  }
  static CommandResult run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), SEQSWEEP_SOURCE_DIR "/tools/benchmarks.py");
    return run_command(arguments);
  }
  CommandResult on_page(const std::string& argument) const {
    return run({argument, "--page", page_});
  }
  std::string check(const std::string& text) const {
    const std::string page = folder_.file("checked.md", text);
    const CommandResult result = run({"--check", "--page", page});
    EXPECT_NE(result.code, 0) << text;
    return result.output;
  }

  TestFolder folder_{"benchmarks"};
  const std::string page_ = folder_.file("page.md", kPage);
};

TEST_F(Benchmarks, EveryTableOfThePageHasACommandThatCouldRun) {
  const CommandResult result = run({"--check"});
  EXPECT_EQ(result.code, 0) << result.output;
  EXPECT_THAT(run({"--list"}).output, AllOf(HasSubstr("gpu-kernels"), HasSubstr("quick-start")));
}

TEST_F(Benchmarks, TheTablesOfASectionAreMadeAnewAndNothingElse) {
  const CommandResult result = on_page("table");
  ASSERT_EQ(result.code, 0) << result.output;
  const std::string made = read_file(page_), before = kPage;
  const size_t table = before.find("| a | b |\n|"), end = before.find("<!-- end table");
  EXPECT_TRUE(
      made.starts_with(before.substr(0, table) + "| a | b |\n|---|---:|\n| 1 | 2 |\n\n`for "))
      << made;
  EXPECT_TRUE(made.ends_with(before.substr(end))) << made;
  EXPECT_THAT(made, ::testing::ContainsRegex(
                        "done; printf .*`, [0-9]{4}-[0-9]{2}-[0-9]{2}: [0-9]+ cores? of .*load "));
}

TEST_F(Benchmarks, OutputWithoutATableStandsAsItIs) {
  ASSERT_EQ(on_page("lines").code, 0);
  EXPECT_THAT(read_file(page_), HasSubstr("```text\nspeed  7\nmemory 8\n```\n"));
}

TEST_F(Benchmarks, ASectionThatCannotBeMadeHereStaysAsItWas) {
  for (const auto& [name, why] :
       {std::pair{"far", "needs what is not here: no-such-package;"},
        std::pair{"pasted", "by hand (two runs)"},
        std::pair{"broken", "ended with 1; the section stays"},
        std::pair{"tabel", "there is no section 'tabel'; there are: table, "}}) {
    const CommandResult result = on_page(name);
    EXPECT_EQ(result.code, 2) << name;
    EXPECT_THAT(result.output, HasSubstr(why));
    EXPECT_EQ(read_file(page_), kPage);
  }
}

TEST_F(Benchmarks, CheckTellsWhatIsWrong) {
  const auto section = [](const std::string& command) {
    return "<!-- begin one: " + command + " -->\nx\n\n`" + command + "`, 2026\n<!-- end one -->\n";
  };
  EXPECT_EQ(run({"--check", "--page",
                 folder_.file("good.md", section("build/bin/seqsweep query r.db --format csv"))})
                .code,
            0);
  EXPECT_THAT(check(section("mpirun -n 3 build/bin/seqsweep sweep a.yaml --bd r.db")),
              HasSubstr("build/bin/seqsweep sweep has no option --bd"));
  EXPECT_THAT(check(section("X=1 tools/bench_nothing.py --rounds 1 | head")),
              HasSubstr("tools/bench_nothing.py is not there"));
  EXPECT_THAT(check(section("tools/bench_data.py --laps 1")), HasSubstr("no option --laps"));
  EXPECT_THAT(check("words\n\n| a |\n|---|\n| 1 |\n"), HasSubstr("checked.md:4: a table outside"));
  EXPECT_THAT(check("<!-- begin a: echo -->\nx\n"), HasSubstr("has no <!-- end a -->"));
  EXPECT_THAT(check(replace_all(section("echo 1"), "`echo 1`", "`echo 2`")),
              HasSubstr("its last line does not tell the command `echo 1`"));
  EXPECT_THAT(check("<!-- begin a: echo\nneeds: gpu\ntakes: 1 h -->\nx\n<!-- end a -->\n"),
              HasSubstr("'takes: 1 h' is none of: needs, by hand"));
}

}  // namespace benchmarks_test
}  // namespace seqsweep
