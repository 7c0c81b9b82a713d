// Titles, ids and names with quotes, SQL, LaTeX, HTML, shell and terminal escapes pass through
// every program that prints or writes them, and stay text.
#include <gmock/gmock.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/base/files.h"
#include "tests/support/command.h"

namespace seqsweep {
namespace untrusted_text_test {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

// As a C++, a CSV and a YAML string all of it is one value. `touch pwned` is what gnuplot and a
// shell would run.
const std::string kHostile =
    "\x1b[31mred\x1b]0;title\x07 '; DROP TABLE runs;-- \"\" <script>alert(1)</script> "
    "\\input{/etc/passwd} $x_1$ %d {} `touch pwned` $(touch pwned) | & #";

// As it is in a CSV field or a double-quoted YAML string.
std::string in_yaml(const std::string& text) {
  return json(text).dump();
}

std::string in_csv(const std::string& text) {
  return "\"" + text + "\"";
}  // Its "" is one ".

class UntrustedText : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<TestFolder>("untrusted");
    std::string rows = "user,item,timestamp\n", titles = "item,title\n";
    for (int item = 0; item < 12; ++item) {
      const std::string id = in_csv("item " + std::to_string(item) + " " + kHostile);
      for (int user = 0; user < 10; ++user) {
        rows += in_csv("user " + std::to_string(user) + kHostile) + "," + id + "," +
                std::to_string(1000 + (item * 7 + user) % 12) + "\n";
      }
      titles += id + "," + in_csv("Title " + std::to_string(item) + " " + kHostile) + "\n";
    }
    std::string file = kHostile + ".csv";
    std::replace(file.begin(), file.end(), '/', ' ');
    const std::string sweep =
        "name: untrusted\ndatasets: [{name: csv, path: " + in_yaml(folder_->file(file, rows)) +
        ", titles_path: " + in_yaml(folder_->file("titles.csv", titles)) +
        "}]\nmodels: [popularity, {name: sasrec, width: 8, inner_width: 8, blocks: 1}]\n"
        "optimizers: [adam]\ntrain: {epochs: 2, batch_size: 4, device: cpu, threads: 1}\n"
        "latency: {samples: 1, users: 5}\n";
    sweep_ = folder_->file("sweep.yaml", sweep);
    const CommandResult result =
        run_command({kSeqsweep, "sweep", sweep_, "--db", db(), "data_dir=" + folder_->at("data")});
    ASSERT_EQ(result.code, 0) << result.output;
    expect_harmless("sweep", result.output);
  }
  static void TearDownTestSuite() { folder_.reset(); }

  static std::string db() { return folder_->at("results.db"); }

  // No byte that a terminal would obey.
  static void expect_harmless(const std::string& what, const std::string& output) {
    for (const char c : output) {
      const bool obeyed = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
      ASSERT_TRUE(!obeyed || c == '\n' || c == '\t')
          << what << " prints byte " << static_cast<int>(c) << " in:\n"
          << json(output).dump(1, ' ', true, json::error_handler_t::replace);
    }
  }

  // What a command prints, which must end well and be harmless.
  static std::string ask(std::vector<std::string> command, const std::string& program = kSeqsweep) {
    const std::string name = command.front();
    command.insert(command.begin(), program);
    const CommandResult result = run_command(command);
    EXPECT_EQ(result.code, 0) << name << ": " << result.output;
    expect_harmless(name, result.output);
    return result.output;
  }

  static std::string run_folder(const std::string& model) {
    const json rows =
        json::parse(ask({"query", db(), "--format", "json",
                         "SELECT run_id FROM results WHERE model = '" + model + "'"}));
    return folder_->at("results.db.runs/" + rows.at(0).at("run_id").get<std::string>());
  }

  static std::string sweep_;
  static std::unique_ptr<TestFolder> folder_;
};
std::string UntrustedText::sweep_;
std::unique_ptr<TestFolder> UntrustedText::folder_;

TEST_F(UntrustedText, CommandsPrintItAsText) {
  ask({"plan", sweep_, "--data-dir", folder_->at("data")});
  ask({"plan", sweep_, "--data-dir", folder_->at("data"), "--simulate", "2"});
  ask({"status", db()});
  ask({"logs", db()});
  EXPECT_THAT(ask({"query", db(), "SELECT count(*) AS runs FROM results"}), HasSubstr("2"));
  ask({"query", db(), "SELECT name FROM sweeps"});
}

TEST_F(UntrustedText, RecommendationsAreText) {
  const std::string run = run_folder("sasrec");
  const std::vector<std::string> one = {"recommend",         run,      "--data-dir",
                                        folder_->at("data"), "--user", "user 1" + kHostile};
  // The user is named as the data set has it: with one quote where the CSV has two.
  auto of = [&](std::vector<std::string> more) {
    std::vector<std::string> command = one;
    std::string& user = command.back();
    user.replace(user.find("\"\""), 2, "\"");
    command.insert(command.end(), more.begin(), more.end());
    return ask(command);
  };
  EXPECT_THAT(of({}), HasSubstr("DROP TABLE runs"));
  const json items = json::parse(of({"--json"}));
  EXPECT_THAT(items.dump(), HasSubstr("\\u001b[31mred"));  // Whole, where JSON carries it.
  ask({"recommend", run, "--data-dir", folder_->at("data"), "--all-users"});
}

TEST_F(UntrustedText, TablesFiguresAndExportsCarryItAsText) {
  const std::string tables = folder_->at("tables");
  ask({db(), "--out", tables}, kMakeTables);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(tables)) {
    const std::string extension = entry.path().extension();
    if (extension == ".pdf") continue;
    const std::string text = read_file(entry.path());
    expect_harmless(entry.path().filename(), text);
    if (extension == ".html" || extension == ".md" || extension == ".svg") {
      EXPECT_THAT(text, Not(HasSubstr("<script>alert"))) << entry.path();
    }
    if (extension == ".tex") {
      EXPECT_THAT(text, Not(HasSubstr("\\input{/etc"))) << entry.path();
    }
  }
  ask({"export", db(), folder_->at("events"), "--format", "tensorboard"});
  ask({"export", db(), folder_->at("mlruns"), "--format", "mlflow"});
  for (const std::string& place : {std::string("."), folder_->path().string(), tables}) {
    EXPECT_FALSE(std::filesystem::exists(place + "/pwned")) << "something ran what a name said";
  }
}

}  // namespace untrusted_text_test
}  // namespace seqsweep
