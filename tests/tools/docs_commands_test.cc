// Every command of every page is run: as it stands, or in the short form that docs_short_forms.h
// makes of it. The sh blocks of the pages of kRunWhole are run by other tests, in order and as one
// script.
#include <gmock/gmock.h>

#include <iostream>
#include <map>
#include <regex>
#include <set>

#include "core/base/files.h"
#include "core/base/text.h"
#include "tests/support/command.h"
#include "tests/tools/docs_short_forms.h"

namespace seqsweep {
namespace docs_commands_test {

namespace fs = std::filesystem;

const fs::path kRoot = SEQSWEEP_SOURCE_DIR;
constexpr int kLimit_s = 100;  // Of one command: a longer one needs a short form.

const std::map<std::string, std::string> kRunWhole = {
    {"README.md", "docs_test"},
    {"docs/tutorial.md", "docs_test"},
    {"docs/queries.md", "docs_test"},
    {"docs/examples/own-model/README.md", "own_model_test"}};
// Of these, blocks that are run here all the same.
const std::set<std::string> kRunHere = {"tools/quickstart.sh\n"};

struct DocCommand {
  std::string page, text;
};

std::string one_line(const std::string& text) {
  return std::string(trim(std::regex_replace(text, std::regex(R"(\s+)"), " ")));
}

// Words in a row that a shell would run: a program of ours with what follows it, or one of those
// that pages name.
bool is_command(const std::string& text) {
  static const std::regex command(
      R"((\w+=\S* )*)"
      R"(((seqsweep|make_tables|bench_\w+|(tools|tests)/\S+\.(py|sh)) .*)"
      R"(|build/bin/.*|tools/\S+\.(py|sh)|tests/\S+\.sh)"
      R"(|(apptainer|apt-get|cat|cmake|cp|ctest|datasette|docker|echo|git|mlflow|mpirun|nvidia-\S*)"
      R"(|perf|pip|python3?|rm|sbatch|source|srun|ssh|sudo|tail|tensorboard|time) .*))");
  return std::regex_match(text, command);
}

std::vector<std::string> pages() {
  std::vector<std::string> found;
  for (const char* place : {"", "docs", "coordinator", "core", "db", "experiments", "kernels",
                            "tests", "tools", "worker"}) {
    const auto add = [&](const fs::directory_entry& entry) {
      if (entry.path().extension() == ".md") found.push_back(fs::relative(entry, kRoot).string());
    };
    if (*place) {
      for (const auto& entry : fs::recursive_directory_iterator(kRoot / place)) add(entry);
    } else {
      for (const auto& entry : fs::directory_iterator(kRoot)) add(entry);
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

// Lines of blocks and spans of code. In the text of a block only an indented line is a command: an
// example of --help, with words on it behind three blanks.
std::vector<DocCommand> commands_of(const std::string& page) {
  std::vector<DocCommand> commands;
  std::string text = std::regex_replace(read_file(kRoot / page), std::regex("<!--[^]*?-->"), "");
  const std::regex block("\n```(\\w*)\n([^]*?)```");
  for (std::sregex_iterator match(text.begin(), text.end(), block), end; match != end; ++match) {
    const std::string language = (*match)[1], lines = (*match)[2];
    const bool shell = language == "sh";
    if (!shell && language != "text" && !language.empty()) continue;
    if (shell && kRunWhole.count(page) && !kRunHere.count(lines)) continue;
    for (const std::string& line : split(lines, '\n')) {
      if (shell && !trim(line).empty()) {
        EXPECT_TRUE(is_command(one_line(line)))
            << page << ": no program that is_command() knows: " << line;
        commands.push_back({page, one_line(line)});
      } else if (line.starts_with("  ") && is_command(one_line(line))) {
        commands.push_back(
            {page, one_line(std::regex_replace(line, std::regex(R"((\S)   .*)"), "$1"))});
      }
    }
  }
  text = std::regex_replace(text, block, "\n");
  const std::regex span("`([^`]+)`");
  for (std::sregex_iterator match(text.begin(), text.end(), span), end; match != end; ++match) {
    const std::string words = one_line((*match)[1]);
    if (is_command(words)) commands.push_back({page, words});
  }
  return commands;
}

// `seqsweep plan` or `seqsweep export --format mlflow` in a sentence: the command is meant, not a
// call of it.
bool is_mention(const std::string& command) {
  return std::regex_match(command, std::regex("seqsweep [a-z]+( --[a-z-]+( [a-z]+)?)*")) &&
         command != "seqsweep doctor" && !command.ends_with(" --help");
}

// "": it is not run. `used` are rows of kShortForms that have helped.
std::string short_form(std::string command, std::set<size_t>& used) {
  for (size_t i = 0; i < std::size(kShortForms); ++i) {
    const auto& [text, by, why] = kShortForms[i];
    if (command.find(text) == std::string::npos) continue;
    used.insert(i);
    if (by == kNotRun) return "";
    const bool whole = std::string(by).find("{}") != std::string::npos;
    command = whole ? replace_all(by, "{}", command) : replace_all(command, text, by);
  }
  command = command.substr(0, command.find(" #"));
  return is_mention(command) ? command + " --help" : command;
}

// A checkout as the commands see it, in which they may write, with what the pages name in it.
constexpr const char* kPrepare = R"sh(
mkdir out raw
for name in tools tests experiments docs .venv CMakePresets.json CMakeLists.txt; do ln -s "$root/$name" .; done
ln -s "$(dirname "$bin")" build
cat > my.yaml <<'END'
name: my
datasets: [{name: synthetic, users: 60, items: 40, seed: 1}]
models:
  - {name: sasrec, width: 8, blocks: 1, heads: 1, inner_width: 16}
  - {name: mamba4rec, width: 8, state: 4}
optimizers: [adam]
train: {batch_size: 16, epochs: 1, threads: 1}
latency: {samples: 2, users: 5}
END
cp my.yaml shop.yaml
cp my.yaml FILE
seqsweep sweep my.yaml --db results.db
seqsweep sweep my.yaml --db results.db optimizers='[{name: adam, lr: 1.0e+30}]' models='[{name: lrurec, width: 8}]' || [ $? = 1 ]
for copy in my.db shop.db DB;
do
  seqsweep export results.db $copy
  ln -s results.db.runs $copy.runs
done
printf 'i1\ni2\n' > events
for i in $(seq 0 599);
do echo "$((i % 30 + 1))::$((i * 7 % 20 + 1))::3::$i"; done > raw/ratings.dat
for i in $(seq 20);
do echo "$i::Film $i (1999)::Drama"; done > raw/movies.dat
id() { seqsweep query results.db "SELECT run_id FROM results WHERE $1" --format csv | tail -1; }
echo "run=$(id "model = 'sasrec' AND status = 'done'")
other=$(id "model = 'mamba4rec'")
failed=$(id "status = 'failed'")" > ids.sh
)sh";
constexpr const char* kNames = R"sh(
source ids.sh
small=(datasets='[{name: synthetic, users: 60, items: 40, seed: 1}]'
       models='[{name: sasrec, width: 8, blocks: 1, heads: 1, inner_width: 16, optimizers: [adam]}]'
       seeds=[1] train.epochs=1 train.threads=1 latency.samples=2 latency.users=5)
)sh";

CommandResult run_in(const TestFolder& folder, const std::string& script) {
  const std::string setting = fmt::format(
      "set -euo pipefail\ncd '{}'\nroot='{}' bin='{}'\nunset SEQSWEEP_DATA\nsource "
      "\"$root/tools/environment.sh\"\n"
      "export PATH=\"$bin:$PATH\"\n",
      folder.path().string(), kRoot.string(), SEQSWEEP_BIN_DIR);
  return run_command(
      {"timeout", "-k", "5", std::to_string(kLimit_s), "bash", "-c", setting + script});
}

// What --help does not say is no option.
void expect_options_in(const std::string& help, const std::string& command) {
  const std::regex option("--[a-z][a-z-]*");
  for (std::sregex_iterator match(command.begin(), command.end(), option), end; match != end;
       ++match) {
    EXPECT_THAT(help, ::testing::HasSubstr(match->str()))
        << command << " names an option that there is not";
  }
}

void expect_files_of(const std::string& command) {
  const std::regex path(R"((^|[ '])((tools|tests|experiments)/[\w./-]*\w))");
  for (std::sregex_iterator match(command.begin(), command.end(), path), end; match != end;
       ++match) {
    EXPECT_TRUE(fs::exists(kRoot / (*match)[2].str()))
        << command << ": " << (*match)[2] << " is not there";
  }
}

std::string output_of(const TestFolder& folder, const std::string& command) {
  const auto start = std::chrono::steady_clock::now();
  const CommandResult result = run_in(folder, kNames + command);
  const auto took = std::chrono::duration<double>(std::chrono::steady_clock::now() - start);
  std::cout << fmt::format("{:5.1f} s  {}\n", took.count(), command) << std::flush;
  EXPECT_EQ(result.code, 0)
      << "run as: " << command << "\n"
      << result.output
      << "\nA command that takes long, or needs what is not here, gets a short form in "
         "tests/tools/docs_short_forms.h.";
  return result.output;
}

TEST(DocsCommands, EveryCommandOfEveryPageIsRun) {
  if (run_command({"mpirun", "--version"}).code != 0) GTEST_SKIP() << "no mpirun on PATH";
  const TestFolder folder("docs_commands");
  const CommandResult prepared = run_in(folder, kPrepare);
  ASSERT_EQ(prepared.code, 0) << prepared.output;
  std::set<size_t> used;
  std::map<std::string, std::string> outputs;  // Of short forms.
  for (const std::string& page : pages()) {
    for (const DocCommand& command : commands_of(page)) {
      SCOPED_TRACE(page + ": " + command.text);
      expect_files_of(command.text);
      const std::string brief = short_form(command.text, used);
      if (brief.empty()) continue;
      if (!outputs.count(brief)) outputs[brief] = output_of(folder, brief);
      if (brief.find("--help") != std::string::npos)
        expect_options_in(outputs[brief], command.text);
    }
  }
  EXPECT_GT(outputs.size(), 100U);
  for (size_t i = 0; i < std::size(kShortForms); ++i) {
    EXPECT_TRUE(used.count(i)) << "no page says '" << kShortForms[i].text
                               << "': remove its short form";
  }
}

}  // namespace docs_commands_test
}  // namespace seqsweep
