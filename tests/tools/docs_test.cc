// What the pages say is run: commands in order and in one folder, sweep files, questions in SQL.
#include <gmock/gmock.h>

#include <map>
#include <regex>
#include <utility>

#include "core/base/files.h"
#include "core/base/text.h"
#include "tests/support/command.h"
#include "tests/support/python.h"

namespace seqsweep {
namespace docs_test {

const std::string kRoot = SEQSWEEP_SOURCE_DIR;

constexpr const char* kSmallSweep = R"(name: small
datasets: [{name: synthetic, users: 60, items: 40, seed: 1}]
models: [popularity]
optimizers: [adam]
latency: {samples: 0}
)";

// The fenced blocks of one language.
std::vector<std::string> blocks_of(const std::string& language, const std::string& page) {
  std::vector<std::string> blocks;
  const std::string text = read_file(kRoot + "/" + page);
  const std::regex block("```" + language + "\n([^]*?)```");
  for (std::sregex_iterator match(text.begin(), text.end(), block), end; match != end; ++match) {
    blocks.push_back((*match)[1]);
  }
  return blocks;
}

CommandResult run_blocks(const std::vector<std::string>& blocks, const TestFolder& folder) {
  std::string script = "set -euo pipefail\ncd '" + folder.path().string() + "'\nexport PATH='" +
                       SEQSWEEP_BIN_DIR + "':$PATH\n";
  for (const std::string& block : blocks) script += block;
  return run_command({"bash", "-c", script});
}

TEST(Docs, TheTutorialRunsAsWritten) {
  const TestFolder folder("tutorial");
  const CommandResult result = run_blocks(blocks_of("sh", "docs/tutorial.md"), folder);
  EXPECT_EQ(result.code, 0) << result.output;
  EXPECT_THAT(result.output, ::testing::HasSubstr("| SASRec | 2 |"));
  EXPECT_TRUE(std::filesystem::exists(folder.path() / "tables/report.html"));
}

TEST(Docs, TheQueriesRunAsWritten) {
  const TestFolder folder("queries");
  const std::string sweep = folder.file("sweep.yaml", kSmallSweep);
  std::vector<std::string> blocks = blocks_of("sh", "docs/queries.md");
  ASSERT_FALSE(blocks.empty());
  blocks.insert(blocks.begin(),
                "seqsweep sweep '" + sweep + "' --db results.db --data-dir data 2> log.txt\n");
  const CommandResult result = run_blocks(blocks, folder);
  EXPECT_EQ(result.code, 0) << result.output;
  EXPECT_THAT(result.output, ::testing::HasSubstr("popularity"));
}

// Of docs/queries.md, each where its package is: the block in Python, the block for DuckDB, and
// Datasette, which opens the file when it inspects it.
TEST(Docs, OtherProgramsReadTheDatabaseAsWritten) {
  const TestFolder folder("readers");
  const std::string sweep = folder.file("sweep.yaml", kSmallSweep);
  ASSERT_EQ(run_command({kSeqsweep, "sweep", sweep, "--db", folder.at("results.db"), "--data-dir",
                         folder.at("data")})
                .code,
            0);
  folder.file("page.sql", blocks_of("sql", "docs/queries.md").at(0));
  const std::map<std::string, std::string> scripts = {
      {"pandas, pyarrow", blocks_of("python", "docs/queries.md").at(0) + R"py(
assert list(pandas.read_parquet("results.parquet").model) == ["popularity"]
)py"},
      // With its extension for SQLite, which it would fetch.
      {"duckdb; duckdb.load_extension(\"sqlite\")", R"py(
import duckdb
duckdb.sql(open("page.sql").read())
written = duckdb.sql("SELECT count(*) FROM 'metrics.parquet'").fetchone()
assert written == duckdb.sql("SELECT count(*) FROM sweep.metrics").fetchone() != (0,), written
)py"},
      {"datasette", R"py(
import json, subprocess, sys
shown = json.loads(subprocess.check_output([sys.executable, "-m", "datasette", "inspect", "results.db"]))
assert shown["results"]["tables"]["runs"]["count"] == 1, shown
)py"}};
  int readers = 0;
  for (const auto& [packages, script] : scripts) {
    if (!python_has(packages)) continue;
    ++readers;
    folder.file("read.py", script);
    const CommandResult result =
        run_command({"env", "-C", folder.path().string(), test_python(), "read.py"});
    EXPECT_EQ(result.code, 0) << packages << "\n" << result.output;
  }
  if (readers == 0) GTEST_SKIP() << test_python() << " has neither pandas, duckdb nor datasette";
}

// Every occurrence; there must be one.
void replace(std::string& text, const std::string& what, const std::string& by) {
  ASSERT_NE(text.find(what), std::string::npos) << "the page does not say '" << what << "'";
  text = replace_all(text, what, by);
}

// Its own sweep, on small synthetic data in the place of MovieLens, and with real run ids.
TEST(Docs, TheReadmeRunsAsWritten) {
  if (run_command({"mpirun", "--version"}).code != 0) GTEST_SKIP() << "no mpirun on PATH";
  const TestFolder folder("readme");
  std::string sweep = blocks_of("yaml", "README.md").at(0);
  replace(sweep, "{name: ml-100k, max_length: 50}",
          "{name: synthetic, users: 60, items: 40, seed: 1}");
  replace(sweep, "epochs: 50", "epochs: 1, threads: 1");
  replace(sweep, "seeds: [1, 2, 3]", "seeds: [1]\nlatency: {samples: 2, users: 5}");
  folder.file("my.yaml", sweep);
  std::string ratings = "user,item,rating,timestamp\n";
  for (int i = 0; i < 600; ++i) ratings += fmt::format("u{},i{},3,{}\n", i % 30, i * 7 % 20, i);
  folder.file("my-ratings.csv", ratings);
  folder.file("events", "i3\ni5\n");
  std::vector<std::string> blocks = blocks_of("sh", "README.md");
  ASSERT_EQ(blocks.size(), 4U);
  blocks.erase(blocks.begin());  // tools/quickstart.sh
  for (std::string& block : blocks) replace(block, "build/bin/", "");
  replace(blocks[0], "seqsweep dashboard my.db",
          "timeout 1 seqsweep dashboard my.db --port 0 || [ $? = 124 ]");
  replace(blocks[1], "tail -f events", "cat events");
  replace(blocks[1], "'Toy Story' 'Fargo'", "'i3' 'i5'");
  replace(blocks[1], "my.db.runs/RUN", "my.db.runs/$run");
  replace(blocks[2], "diff my.db RUN OTHER", "diff my.db $run $other");
  replace(blocks[2], "logs my.db RUN", "logs my.db $run");
  blocks.insert(blocks.begin() + 1,
                "ids() { seqsweep query my.db \"SELECT run_id FROM results WHERE dataset = 'csv' "
                "AND model = '$1'\" --format csv | tail -1; }\n"
                "run=$(ids mamba4rec) other=$(ids sasrec)\n");
  const CommandResult result = run_blocks(blocks, folder);
  EXPECT_EQ(result.code, 0) << result.output;
  EXPECT_TRUE(std::filesystem::exists(folder.path() / "tables/report.html"));
  EXPECT_TRUE(std::filesystem::exists(folder.path() / "topk.inter"));
  EXPECT_TRUE(std::filesystem::exists(folder.path() / "copy.db"));
}

TEST(Docs, SettingsInThePagesAreValid) {
  const TestFolder folder("yaml");
  for (const char* page : {"docs/usgm.md", "docs/language_models.md", "experiments/README.md"}) {
    for (std::string sweep : blocks_of("yaml", page)) {
      for (const auto& [key, value] :
           {std::pair{"datasets:", " [ml-100k]\n"}, std::pair{"models:", " [sasrec]\n"}}) {
        if (sweep.find(key) == std::string::npos) sweep = key + std::string(value) + sweep;
      }
      const CommandResult result = run_command(
          {kSeqsweep, "plan", "--resolved", folder.file("page.yaml", "name: page\n" + sweep)});
      EXPECT_EQ(result.code, 0) << page << "\n" << sweep << result.output;
    }
  }
}

TEST(Docs, QuestionsInThePagesHaveAnswers) {
  const TestFolder folder("sql");
  const std::string sweep = folder.file("sweep.yaml", kSmallSweep);
  const std::string db = folder.at("r.db");
  ASSERT_EQ(
      run_command({kSeqsweep, "sweep", sweep, "--db", db, "--data-dir", folder.at("data")}).code,
      0);
  int questions = 0;
  for (const char* page : {"docs/usgm.md", "db/README.md"}) {
    for (const std::string& block : blocks_of("sql", page)) {
      for (const std::string& line : split(block, '\n')) {
        if (line.empty()) continue;
        ++questions;
        const CommandResult result = run_command({kSeqsweep, "query", db, line});
        EXPECT_EQ(result.code, 0) << page << ": " << line << "\n" << result.output;
      }
    }
  }
  EXPECT_EQ(questions, 5);
}

}  // namespace docs_test
}  // namespace seqsweep
