// The house rules as tests over the source tree: who may include whom (STYLE in CONTRIBUTING.md),
// banned words, tests and READMEs that must be there, links in the docs that must lead somewhere.
// Long files and functions are printed, not failed.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "core/base/files.h"
#include "core/base/text.h"

namespace seqsweep {
namespace {

namespace fs = std::filesystem;

const fs::path kRoot = SEQSWEEP_SOURCE_DIR;
const std::vector<std::string> kFolders = {"core",   "kernels", "experiments", "coordinator",
                                           "worker", "db",      "tools",       "tests"};
constexpr size_t kFileLinesMax = 400;
constexpr size_t kFunctionLinesMax = 60;

struct SourceFile {
  std::string path;  // From the root, with '/'.
  std::vector<std::string> lines;
};

bool has_extension(const fs::path& path, const std::set<std::string>& extensions) {
  return extensions.count(path.extension().string()) > 0;
}

std::vector<SourceFile> files_of(const std::set<std::string>& extensions) {
  std::vector<SourceFile> files;
  for (const std::string& folder : kFolders) {
    for (const auto& entry : fs::recursive_directory_iterator(kRoot / folder)) {
      if (!entry.is_regular_file() || !has_extension(entry.path(), extensions)) continue;
      files.push_back(
          {fs::relative(entry.path(), kRoot).string(), split(read_file(entry.path()), '\n')});
    }
  }
  return files;
}

const std::vector<SourceFile>& sources() {
  static const std::vector<SourceFile> all = files_of({".cc", ".h", ".cu"});
  return all;
}

// The room of a path or an include: "core/train", "db", "experiments/models", ...
std::string room_of(const std::string& path) {
  const std::vector<std::string> parts = split(path, '/');
  if (parts.size() > 2 && (parts[0] == "core" || parts[0] == "experiments")) {
    return parts[0] + "/" + parts[1];
  }
  return parts[0];
}

// room -> rooms that it may include, besides itself. Tools and tests may include everything.
const std::map<std::string, std::set<std::string>> kMayInclude = {
    {"core/base", {}},
    {"core/protocol", {"core/base"}},
    {"core/data", {"core/base"}},
    {"core/text", {"core/base"}},
    {"core/eval", {"core/base"}},
    {"core/comm", {"core/base", "core/protocol"}},
    {"core/train",
     {"core/base", "core/comm", "core/data", "core/eval", "core/protocol", "core/text"}},
    {"kernels", {"core/base"}},
    {"core/nn", {"core/base", "core/data", "core/train", "kernels"}},
    {"core/lm",
     {"core/base", "core/data", "core/eval", "core/nn", "core/text", "core/train", "kernels"}},
    {"db", {"core/base", "core/protocol"}},
    {"coordinator", {"core/base", "core/protocol", "db"}},
    {"worker",
     {"core/base", "core/comm", "core/data", "core/eval", "core/protocol", "core/text",
      "core/train", "kernels"}},
    {"experiments/models",
     {"core/base", "core/data", "core/lm", "core/nn", "core/text", "core/train", "kernels"}},
    {"experiments/objectives",
     {"core/base", "core/data", "core/lm", "core/nn", "core/text", "core/train", "kernels"}},
    {"experiments/optimizers", {"core/base", "core/train", "kernels"}},
    {"experiments/batch_schedules", {"core/base", "core/train"}},
    {"experiments/datasets", {"core/base", "core/data", "core/text"}},
};

TEST(Tidy, EveryIncludeIsAllowed) {
  const std::regex include(R"re(^\s*#include "([^"]+)")re");
  for (const SourceFile& file : sources()) {
    const std::string room = room_of(file.path);
    if (room == "tools" || room == "tests") continue;
    ASSERT_EQ(kMayInclude.count(room), 1U) << room << " is no room: add it to kMayInclude";
    for (size_t i = 0; i < file.lines.size(); ++i) {
      std::smatch match;
      if (!std::regex_search(file.lines[i], match, include)) continue;
      if (match[1].str().find('/') == std::string::npos) continue;  // Written by the build.
      const std::string target = room_of(match[1]);
      EXPECT_TRUE(target == room || kMayInclude.at(room).count(target))
          << file.path << ":" << i + 1 << ": " << room << " may not include " << match[1];
    }
  }
}

TEST(Tidy, TorchIsSeenOnlyWhereItMayBe) {
  const std::set<std::string> without_torch = {"core/base",   "core/protocol",       "core/data",
                                               "core/text",   "core/eval",           "db",
                                               "coordinator", "experiments/datasets"};
  const std::regex torch(R"(#include [<"](torch|ATen|c10)/)");
  for (const SourceFile& file : sources()) {
    const bool kernel = fs::path(file.path).extension() == ".cu";
    if (!kernel && !without_torch.count(room_of(file.path))) continue;
    for (size_t i = 0; i < file.lines.size(); ++i) {
      EXPECT_FALSE(std::regex_search(file.lines[i], torch))
          << file.path << ":" << i + 1 << ": must build without torch";
    }
  }
}

// What stands where it may not: pattern, where it is allowed, why.
struct Ban {
  const char* pattern;
  std::vector<std::string> allowed;  // Path prefixes.
  const char* why;
};

TEST(Tidy, BannedWordsAreAbsent) {
  const std::vector<Ban> bans = {
      {R"(\b(TO)DO\b|\b(FIX)ME\b|\b(XX)X\b)", {}, "finish it, or open an issue"},
      {R"(using namespace std)", {}, "write std::"},
      {R"((^|[^\w.:>])(printf|puts)\()", {"tools/", "tests/"}, "use core/base/log.h"},
      {R"((^|[^\w.:>"])exit\()", {}, "throw an Error; a tool's main returns"},
      {R"(\bnew [A-Za-z_:<>]+[({\[;])", {}, "use make_unique or a container"},
      {R"((\.|->)backward\()",
       {"core/train/", "kernels/", "tests/", "tools/bench"},
       "there is one training loop"},
      {R"(sqlite3_|SQLite::|\bINSERT INTO\b|\bUPDATE \w+ SET\b)",
       {"db/", "tests/"},
       "SQL lives in db"},
      {R"(\b(MPIX?_[A-Z][a-z]+|nccl[A-Z][a-z]+)\w*\()",
       {"core/comm/", "tests/core/comm/"},
       "MPI and NCCL live in core/comm"},
  };
  for (const Ban& ban : bans) {
    const std::regex pattern(ban.pattern);
    for (const SourceFile& file : sources()) {
      if (file.path.starts_with("tests/tidy/")) continue;
      bool allowed = false;
      for (const std::string& prefix : ban.allowed) allowed |= file.path.starts_with(prefix);
      if (allowed) continue;
      for (size_t i = 0; i < file.lines.size(); ++i) {
        const std::string code = file.lines[i].substr(0, file.lines[i].find("//"));
        const bool words = std::string(ban.why).starts_with("finish");  // Comments count there.
        EXPECT_FALSE(std::regex_search(words ? file.lines[i] : code, pattern))
            << file.path << ":" << i + 1 << ": " << trim(file.lines[i]) << "\n  " << ban.why;
      }
    }
  }
}

TEST(Tidy, MachineryNamesNoExperiment) {
  std::string names;
  for (const char* folder : {"models", "datasets", "optimizers"}) {
    for (const auto& entry : fs::directory_iterator(kRoot / "experiments" / folder)) {
      if (entry.path().extension() != ".cc") continue;
      names += (names.empty() ? "" : "|") + entry.path().stem().string();
    }
  }
  const std::regex named("\"(" + names + "|ml-100k|ml-1m)\"");
  for (const SourceFile& file : sources()) {
    const std::string room = room_of(file.path);
    const bool machinery = room.starts_with("core/") || room == "worker" || room == "coordinator" ||
                           room == "kernels" || room == "db";
    // The names of file formats are no experiments.
    if (!machinery || file.path.starts_with("core/data/")) continue;
    for (size_t i = 0; i < file.lines.size(); ++i) {
      EXPECT_FALSE(std::regex_search(file.lines[i], named))
          << file.path << ":" << i + 1 << ": names an experiment";
    }
  }
}

TEST(Tidy, EverySourceFileHasATest) {
  std::set<std::string> tests;
  for (const SourceFile& file : sources()) {
    if (file.path.starts_with("tests/")) tests.insert(fs::path(file.path).filename().string());
  }
  const auto tested = [&](const std::string& stem) {
    for (const std::string& test : tests) {
      if (test.starts_with(stem + "_") && test.ends_with("test.cc")) return true;
    }
    return false;
  };
  // Without logic of their own, or tested through what they are part of.
  const std::set<std::string> exempt = {"core/base/clock.cc",
                                        "core/base/host.cc",
                                        "core/base/log.cc",
                                        "core/base/value.cc",
                                        "core/base/version.cc",
                                        "core/protocol/local_transport.cc",
                                        "core/data/dataset.cc",
                                        "core/data/registry.cc",
                                        "core/comm/local_group.cc",
                                        "core/comm/no_mpi.cc",
                                        "core/comm/mpi_no_ulfm.cc",
                                        "core/train/registries.cc",
                                        "kernels/catalogue_ranking_cpu.cc",
                                        "kernels/linear_cross_entropy_cpu.cc",
                                        "kernels/packed_attention_cpu.cc",
                                        "kernels/conv1d_silu_cpu.cc",
                                        "kernels/lru_scan_cpu.cc",
                                        "kernels/quantized_linear_cpu.cc",
                                        "kernels/selective_scan_forward_cpu.cc",
                                        "kernels/selective_scan_backward_cpu.cc",
                                        "kernels/checks.cc",
                                        "kernels/cuda_plugin.cc",
                                        "experiments/objectives/fit.cc"};
  for (const SourceFile& file : sources()) {
    const fs::path path = file.path;
    const std::string room = room_of(file.path);
    if (path.extension() != ".cc" || room == "tools" || room == "tests") continue;
    if (file.path.starts_with("kernels/cuda/") || exempt.count(file.path)) continue;
    EXPECT_TRUE(tested(path.stem().string()))
        << file.path << ": no tests/**/" << path.stem().string() << "_*test.cc";
  }
}

TEST(Tidy, EveryFolderHasAShortReadme) {
  std::set<fs::path> folders;
  for (const SourceFile& file : sources()) {
    const fs::path folder = fs::path(file.path).parent_path();
    if (room_of(file.path) != "tests") folders.insert(folder);
  }
  folders.insert("tests");
  for (const fs::path& folder : folders) {
    const fs::path readme = kRoot / folder / "README.md";
    ASSERT_TRUE(fs::exists(readme)) << folder << " has no README.md";
    EXPECT_LE(split(read_file(readme), '\n').size(), 41U) << readme << " is longer than 40 lines";
  }
}

TEST(Tidy, PathsInTheDocsExist) {
  const std::regex path(
      R"(`((core|kernels|experiments|coordinator|worker|db|tools|tests|docs|cmake)/[\w./-]*\w)`)");
  std::vector<fs::path> docs = {kRoot / "README.md", kRoot / "ARCHITECTURE.md",
                                kRoot / "CONTRIBUTING.md"};
  for (const auto& entry : fs::recursive_directory_iterator(kRoot)) {
    const std::string relative = fs::relative(entry.path(), kRoot).string();
    const bool ours = std::any_of(kFolders.begin(), kFolders.end(), [&](const std::string& folder) {
      return relative.starts_with(folder + "/");
    });
    if ((ours || relative.starts_with("docs/")) && entry.path().extension() == ".md") {
      docs.push_back(entry.path());
    }
  }
  for (const fs::path& doc : docs) {
    const std::string text = read_file(doc);
    for (std::sregex_iterator match(text.begin(), text.end(), path), end; match != end; ++match) {
      const std::string target = (*match)[1];
      EXPECT_TRUE(fs::exists(kRoot / target)) << doc << ": " << target << " does not exist";
    }
  }
}

TEST(Tidy, SourcesAreClangFormatted) {
  if (std::system("clang-format --version > /dev/null 2>&1") != 0) {
    GTEST_SKIP() << "clang-format is not installed";
  }
  const std::string command =
      "cd '" + kRoot.string() +
      "' && find core kernels experiments coordinator worker db tools tests "
      "-name '*.cc' -o -name '*.h' -o -name '*.cu' | "
      "xargs clang-format --dry-run --Werror 2>&1 | grep -m 20 'error:'";
  EXPECT_NE(std::system(command.c_str()), 0) << "run clang-format -i on the files above";
}

// A smell to look at, no failure: printed so that a reviewer sees it grow.
TEST(Tidy, LongFilesAndFunctionsArePrinted) {
  for (const SourceFile& file : sources()) {
    if (file.lines.size() > kFileLinesMax) {
      std::cout << file.path << ": " << file.lines.size() << " lines\n";
    }
    size_t begin = 0;
    for (size_t i = 0; i < file.lines.size(); ++i) {
      const std::string& line = file.lines[i];
      if (line.ends_with("{") && !line.starts_with(" ") && !line.starts_with("namespace"))
        begin = i;
      const bool function_ends = line == "}" && begin > 0;
      if (function_ends && i - begin > kFunctionLinesMax) {
        std::cout << file.path << ":" << begin + 1 << ": a function of " << i - begin << " lines\n";
      }
      if (line == "}" || line == "};") begin = 0;
    }
  }
  SUCCEED();
}

}  // namespace
}  // namespace seqsweep
