// The recipes of tools/container cannot be built without a registry: what they copy, call and
// install is compared with the tree, with each other and with what the programs here are linked
// with.
#include <gmock/gmock.h>

#include <map>
#include <regex>
#include <set>

#include "core/base/files.h"
#include "core/base/text.h"
#include "tests/support/command.h"

namespace seqsweep {
namespace container_test {

namespace fs = std::filesystem;

const fs::path kRoot = SEQSWEEP_SOURCE_DIR;

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), {}};
}

// Instructions with their continuations joined, without comments: {{"FROM", "debian:12-slim AS
// build"}, ...}.
std::vector<std::pair<std::string, std::string>> dockerfile() {
  std::string text = read_file(kRoot / "tools/container/Dockerfile");
  text = std::regex_replace(text, std::regex("(^|\n)#[^\n]*"), "");
  text = replace_all(text, "\\\n", " ");
  std::vector<std::pair<std::string, std::string>> instructions;
  for (const std::string& line : split(text, '\n')) {
    const size_t blank = line.find(' ');
    if (blank != std::string::npos)
      instructions.push_back({line.substr(0, blank), std::string(trim(line.substr(blank)))});
  }
  return instructions;
}

std::string all_of(const std::string& instruction) {
  std::string all;
  for (const auto& [name, text] : dockerfile())
    if (name == instruction) all += text + " && ";
  return all;
}

// The sections of the Apptainer recipe: {"post": "...", ...}.
std::map<std::string, std::string> apptainer() {
  std::map<std::string, std::string> sections;
  std::string name;
  for (const std::string& line : split(read_file(kRoot / "tools/container/seqsweep.def"), '\n')) {
    const std::string_view trimmed = trim(line);
    if (line.starts_with("%"))
      name = line.substr(1);
    else if (!trimmed.starts_with("#"))
      sections[name] += std::string(trimmed) + "\n";
  }
  return sections;
}

// Of a shell line: the commands between && and newlines.
std::vector<std::string> commands_of(const std::string& shell) {
  std::vector<std::string> commands;
  for (const std::string& part : split(replace_all(shell, "&&", "\n"), '\n'))
    if (!trim(part).empty()) commands.push_back(std::string(trim(part)));
  return commands;
}

TEST(Container, WhatIsCopiedIsThere) {
  int copied = 0;
  for (const auto& [name, text] : dockerfile()) {
    if (name != "COPY") continue;
    std::vector<std::string> words = words_of(text);
    const bool built = words.at(0) == "--from=build";  // Then it is a path of the first stage.
    if (built) words.erase(words.begin());
    words.pop_back();  // Where to.
    for (std::string from : words) {
      ++copied;
      if (built) {
        ASSERT_TRUE(from.starts_with("/opt/seqsweep/")) << text;
        from = from.substr(std::string("/opt/seqsweep/").size());
        if (from == ".venv" || from == "build/bin") continue;  // Made by the stage.
      }
      EXPECT_TRUE(fs::exists(kRoot / from)) << "COPY " << text;
    }
  }
  EXPECT_GE(copied, 6);
}

TEST(Container, EveryCommandIsOneOfTheHouse) {
  std::vector<std::string> commands = commands_of(all_of("RUN"));
  for (const std::string& command : commands_of(apptainer().at("post")))
    commands.push_back(command);
  ASSERT_GE(commands.size(), 10U);
  const std::string presets = read_file(kRoot / "CMakePresets.json");
  for (const std::string& command : commands) {
    const std::vector<std::string> words = words_of(command);
    if (words[0].starts_with("tools/")) {
      EXPECT_EQ(::access((kRoot / words[0]).c_str(), X_OK), 0) << command;
      continue;
    }
    EXPECT_THAT(words[0], ::testing::AnyOf("apt-get", "cd", "cmake", "export", "find", "rm"))
        << command;
    if (words[0] != "cmake") continue;
    std::smatch preset;
    ASSERT_TRUE(std::regex_search(command, preset, std::regex("--preset (\\w+)"))) << command;
    EXPECT_THAT(presets,
                ::testing::HasSubstr("{\"name\": \"" + preset[1].str() + "\", \"configurePreset\""))
        << command;
    const size_t targets = command.find("--target ");
    if (targets == std::string::npos) continue;
    for (const std::string& target : words_of(command.substr(targets + 9)))
      EXPECT_TRUE(fs::exists(fs::path(SEQSWEEP_BIN_DIR) / target)) << command;
  }
}

TEST(Container, BothRecipesBuildTheSameInTheSameWay) {
  const auto builds = [](const std::string& shell) {
    std::vector<std::string> found;
    for (const std::string& command : commands_of(shell))
      if (command.starts_with("cmake") || command.starts_with("tools/")) found.push_back(command);
    return found;
  };
  EXPECT_EQ(builds(all_of("RUN")), builds(apptainer().at("post")));
  EXPECT_EQ(builds(all_of("RUN")).size(), 3U);
  const std::string from = apptainer().at("");
  EXPECT_THAT(from, ::testing::HasSubstr("From: " + words_of(all_of("FROM"))[0]));
}

// Settings of Open MPI, which tools/environment.sh has for a checkout. Apptainer keeps the user:
// its ranks are not root.
TEST(Container, OpenMpiIsSetAsInTheCheckout) {
  const std::string script = read_file(kRoot / "tools/environment.sh");
  const std::regex setting(R"((OMPI|PRTE)_\w+=[\w:]+)");
  int settings = 0;
  for (std::sregex_iterator match(script.begin(), script.end(), setting), end; match != end;
       ++match) {
    ++settings;
    EXPECT_THAT(all_of("ENV"), ::testing::HasSubstr(match->str()));
    if (match->str().find("_MCA_") != std::string::npos) {
      EXPECT_THAT(apptainer().at("environment"), ::testing::HasSubstr(match->str()));
    }
  }
  EXPECT_EQ(settings, 6);
}

TEST(Container, WhatIsNotCopiedIsRemoved) {
  const std::string post = apptainer().at("post");
  const auto removed = words_of(post.substr(
      post.find("rm -rf") + 6, post.find('\n', post.find("rm -rf")) - post.find("rm -rf") - 6));
  for (const std::string& name :
       words_of(read_file(kRoot / "tools/container/Dockerfile.dockerignore")))
    EXPECT_TRUE(name == ".git" || std::ranges::count(removed, name) == 1) << name;
}

// The second stage has no compiler's packages: it must name whatever the programs load.
TEST(Container, TheSecondStageInstallsEveryLibraryOfThePrograms) {
  const std::string release = fs::exists("/etc/os-release") ? read_file("/etc/os-release") : "";
  if (release.find("VERSION_CODENAME=bookworm") == std::string::npos)
    GTEST_SKIP() << "packages have these names on Debian 12 alone";
  std::string second;
  for (const auto& [name, text] : dockerfile()) {
    if (name == "FROM") second.clear();
    if (name == "RUN") second += text + " ";
  }
  std::set<std::string> packages = {"libc6", "libgcc-s1",
                                    "libstdc++6"};  // Needed by others of the list.
  for (const std::string& word : words_of(second)) packages.insert(word);
  std::set<std::string> libraries;
  for (const char* program : {"seqsweep", "make_tables"}) {
    const std::string loaded =
        run_command({"ldd", std::string(SEQSWEEP_BIN_DIR) + "/" + program}).output;
    const std::regex library(R"(=> /(usr/)?lib/(\S+/\S+))");
    for (std::sregex_iterator match(loaded.begin(), loaded.end(), library), end; match != end;
         ++match) {
      libraries.insert("*/" + (*match)[2].str());
    }
  }
  ASSERT_GT(libraries.size(), 10U);
  std::vector<std::string> question = {"dpkg-query", "-S"};
  question.insert(question.end(), libraries.begin(), libraries.end());
  const CommandResult owners =
      run_command(question);  // "libsqlite3-0:amd64: /usr/lib/x86_64-linux-gnu/libsqlite3.so.0"
  EXPECT_EQ(owners.code, 0) << "a library is of no package:\n" << owners.output;
  for (const std::string& line : split(std::string(trim(owners.output)), '\n')) {
    EXPECT_TRUE(packages.count(line.substr(0, line.find(':'))))
        << "the second stage does not install " << line;
  }
}

}  // namespace container_test
}  // namespace seqsweep
