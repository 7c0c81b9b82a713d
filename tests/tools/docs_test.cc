// The commands in the docs are run: each fenced sh block of a page, in order, in one folder.
#include <gmock/gmock.h>

#include <regex>

#include "core/base/files.h"
#include "tests/support/command.h"

namespace seqsweep {
namespace docs_test {

const std::string kRoot = SEQSWEEP_SOURCE_DIR;

std::vector<std::string> shell_blocks(const std::string& page) {
  std::vector<std::string> blocks;
  const std::string text = read_file(kRoot + "/docs/" + page);
  const std::regex block("```sh\n([^]*?)```");
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
  const CommandResult result = run_blocks(shell_blocks("tutorial.md"), folder);
  EXPECT_EQ(result.code, 0) << result.output;
  EXPECT_THAT(result.output, ::testing::HasSubstr("| SASRec | 2 |"));
  EXPECT_TRUE(std::filesystem::exists(folder.path() / "tables/report.html"));
}

TEST(Docs, TheQueriesRunAsWritten) {
  const TestFolder folder("queries");
  const std::string sweep = folder.file("sweep.yaml", R"(name: small
datasets: [{name: synthetic, users: 60, items: 40, seed: 1}]
models: [popularity]
optimizers: [adam]
latency: {samples: 0}
)");
  std::vector<std::string> blocks = shell_blocks("queries.md");
  ASSERT_FALSE(blocks.empty());
  blocks.insert(blocks.begin(),
                "seqsweep sweep '" + sweep + "' --db results.db --data-dir data 2> log.txt\n");
  const CommandResult result = run_blocks(blocks, folder);
  EXPECT_EQ(result.code, 0) << result.output;
  EXPECT_THAT(result.output, ::testing::HasSubstr("popularity"));
}

}  // namespace docs_test
}  // namespace seqsweep
