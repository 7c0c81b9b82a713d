// The commands that look at a database and the machine, as a user starts them, and the help of all.
#include <gmock/gmock.h>

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <regex>

#include "core/base/files.h"
#include "core/base/text.h"
#include "tests/support/command.h"

namespace seqsweep {
namespace commands_test {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

CommandResult seqsweep(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), kSeqsweep);
  return run_command(arguments);
}

// A database of two runs that take a second, one of which fails: made once.
class Commands : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<TestFolder>("commands");
    const std::string sweep = folder_->file("sweep.yaml", R"(name: small
datasets: [{name: synthetic, users: 60, items: 40, seed: 1}]
models: [popularity]
optimizers: [adam]
seeds: [1, 2]
latency: {samples: 0}
)");
    const CommandResult made =
        seqsweep({"sweep", sweep, "--db", database(), "--data-dir", folder_->at("data")});
    ASSERT_EQ(made.code, 0) << made.output;
  }
  static void TearDownTestSuite() { folder_.reset(); }
  static std::string database() { return folder_->at("results.db"); }
  static std::vector<std::string> run_ids() {
    const CommandResult rows =
        seqsweep({"query", database(), "SELECT run_id FROM runs ORDER BY seed", "--format", "csv"});
    std::vector<std::string> lines = split(rows.output, '\n');
    EXPECT_GE(lines.size(), 3U) << rows.output;
    return {lines.at(1), lines.at(2)};
  }
  static inline std::unique_ptr<TestFolder> folder_;
};

std::vector<std::string> commands_in(const std::string& help) {
  std::vector<std::string> names;
  const std::regex command("\n  ([a-z]+) +[A-Z]");
  const std::string below = help.substr(help.find("Subcommands:"));
  for (std::sregex_iterator match(below.begin(), below.end(), command), end; match != end;
       ++match) {
    names.push_back((*match)[1]);
  }
  return names;
}

TEST(Help, EveryCommandTeachesByExample) {
  const CommandResult help = seqsweep({"--help"});
  EXPECT_EQ(help.code, 0);
  const std::vector<std::string> names = commands_in(help.output);
  EXPECT_THAT(names, ::testing::IsSupersetOf({"sweep", "status", "query", "dashboard", "doctor"}));
  EXPECT_GT(names.size(), 15U);
  for (const std::string& name : names) {
    std::vector<std::string> arguments = {name, "--help"};
    if (name == "data") arguments = {"data", "prepare", "--help"};
    const CommandResult one = seqsweep(arguments);
    EXPECT_EQ(one.code, 0) << name;
    EXPECT_THAT(one.output, ContainsRegex("Examples?:")) << name;
    EXPECT_THAT(one.output, HasSubstr(name == "data" ? "seqsweep data" : "seqsweep " + name));
  }
}

TEST(Help, ThePageOfCommandsIsWhatTheProgramSays) {
  const std::string page = SEQSWEEP_SOURCE_DIR "/docs/commands.md";
  EXPECT_EQ(seqsweep({"manual"}).output, read_file(page))
      << "make it anew: seqsweep manual > docs/commands.md";
}

TEST(Help, MisspeltCommandsAreGuessed) {
  const CommandResult result = seqsweep({"statsu", "results.db"});
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.output, HasSubstr("did you mean 'status'?"));
}

TEST_F(Commands, QueryAnswersInThreeFormatsAndWritesNothing) {
  const std::string sql = "SELECT model, seed, status FROM results ORDER BY seed";
  EXPECT_EQ(seqsweep({"query", database(), sql}).output,
            "model       seed  status\n----------  ----  ------\npopularity     1  done\n"
            "popularity     2  done\n");
  const auto json =
      nlohmann::json::parse(seqsweep({"query", database(), sql, "--format", "json"}).output);
  EXPECT_EQ(json.at(1).at("seed"), 2);
  EXPECT_EQ(seqsweep({"query", database(), sql, "--format", "csv"}).output,
            "model,seed,status\npopularity,1,done\npopularity,2,done\n");
  EXPECT_THAT(seqsweep({"query", database()}).output, HasSubstr("\nresults: run_id, sweep,"));
  EXPECT_EQ(seqsweep({"query", database(), "DELETE FROM runs"}).code, 2);
  const CommandResult wrong = seqsweep({"query", database(), "SELECT modle FROM results"});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_THAT(wrong.output, HasSubstr("did you mean 'model'?"));
}

TEST_F(Commands, DiffNamesWhatDiffers) {
  const auto ids = run_ids();
  const CommandResult result = seqsweep({"diff", database(), ids[0], ids[1]});
  EXPECT_EQ(result.code, 0);
  EXPECT_THAT(result.output, ContainsRegex("config seed +1 +2"));
  EXPECT_THAT(seqsweep({"diff", database(), ids[0], ids[0]}).output, HasSubstr("the same"));
  const auto json =
      nlohmann::json::parse(seqsweep({"diff", database(), ids[0], ids[1], "--json"}).output);
  EXPECT_EQ(json.at(0).at("key"), "seed");
  EXPECT_EQ(seqsweep({"diff", database(), ids[0], "nothing"}).code, 2);
}

TEST_F(Commands, LogsTellAttempts) {
  const CommandResult result = seqsweep({"logs", database(), run_ids()[0]});
  EXPECT_EQ(result.code, 0);
  EXPECT_THAT(result.output, ContainsRegex("attempt 1 on .*ended: done"));
  EXPECT_EQ(seqsweep({"logs", database()}).code, 0);
  EXPECT_THAT(seqsweep({"logs", database(), run_ids()[0], "--json"}).output,
              HasSubstr("\"cause\":\"done\""));
}

TEST_F(Commands, ExportCopiesAllIntoOneFile) {
  const std::string copy = folder_->at("copy.db");
  const CommandResult result = seqsweep({"export", database(), copy});
  EXPECT_EQ(result.code, 0) << result.output;
  EXPECT_EQ(seqsweep({"status", copy, "--json"}).output,
            seqsweep({"status", database(), "--json"}).output);
  EXPECT_EQ(seqsweep({"export", database(), copy}).code, 2);
}

TEST_F(Commands, ExportWritesForOtherPrograms) {
  for (const char* format : {"tensorboard", "mlflow"}) {
    const std::string out = folder_->at(format);
    const CommandResult result = seqsweep({"export", database(), out, "--format", format});
    EXPECT_EQ(result.code, 0) << result.output;
    EXPECT_THAT(result.output, HasSubstr(": 2 runs\n"));
    EXPECT_EQ(seqsweep({"export", database(), out, "--format", format}).code, 2);
  }
  EXPECT_TRUE(std::filesystem::exists(folder_->at("mlflow/1/meta.yaml")));
  EXPECT_EQ(seqsweep({"export", database(), folder_->at("x"), "--format", "wandb"}).code, 2);
}

TEST_F(Commands, AWatchEndsWhenNothingIsLeft) {
  const CommandResult result = seqsweep({"status", database(), "--watch", "--every", "0.1"});
  EXPECT_EQ(result.code, 0);
  EXPECT_THAT(result.output, HasSubstr("2 of 2 runs done"));
  EXPECT_EQ(result.output.find('\033'), std::string::npos) << "this is no terminal";
}

TEST_F(Commands, DoctorSaysWhatIsFound) {
  const CommandResult text = seqsweep({"doctor", database()});
  EXPECT_THAT(text.output, ContainsRegex("LibTorch +found +2"));
  EXPECT_THAT(text.output, ContainsRegex("SQLite +found +3"));
  EXPECT_EQ(text.output.find('\033'), std::string::npos);
  const auto json = nlohmann::json::parse(seqsweep({"doctor", database(), "--json"}).output);
  std::map<std::string, std::string> states;
  for (const auto& finding : json) states[finding.at("name")] = finding.at("state");
  for (const char* name : {"MPI", "GPU", "Disk", "File system", "Database", "gnuplot"}) {
    EXPECT_TRUE(states.contains(name)) << name;
  }
  EXPECT_EQ(states.at("Database"), "found");
  const CommandResult wrong = seqsweep({"doctor", folder_->file("text.db", "no database at all")});
  EXPECT_EQ(wrong.code, 3);
  EXPECT_THAT(wrong.output, HasSubstr("MISSING"));
}

// What bash offers after some words; the last one is being typed.
std::string completions(const std::string& words) {
  const std::string script = "source <('" + kSeqsweep + "' completion bash); COMP_WORDS=(" + words +
                             "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _seqsweep; "
                             "echo \"${COMPREPLY[@]}\"";
  return run_command({"bash", "-c", script}).output;
}

TEST(Completion, OffersCommandsAndOptions) {
  EXPECT_EQ(completions("seqsweep stat"), "status\n");
  EXPECT_EQ(completions("seqsweep status results.db --w"), "--watch\n");
  EXPECT_EQ(completions("seqsweep data prep"), "prepare\n");
  EXPECT_EQ(completions("seqsweep data prepare ml-100k --r"), "--raw\n");
  EXPECT_EQ(completions("seqsweep query results.db --form"), "--format\n");
  EXPECT_EQ(completions("seqsweep query results.db --format j"), "json\n");
  EXPECT_EQ(completions("seqsweep list mo"), "models\n");
  EXPECT_EQ(completions("seqsweep launch -n 3 sweep.yaml --d"), "--db --data-dir --disk-wait\n");
  EXPECT_EQ(completions("seqsweep sweep my"), "\n");  // A file, by the shell.
  EXPECT_THAT(seqsweep({"completion", "zsh"}).output, HasSubstr("bashcompinit"));
}

}  // namespace commands_test
}  // namespace seqsweep
