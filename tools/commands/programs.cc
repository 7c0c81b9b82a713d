#include "tools/commands/programs.h"

#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/text.h"

namespace seqsweep {

namespace fs = std::filesystem;

namespace {

const std::string kSession = "ompi.";  // And the process id.

}  // namespace

fs::path own_path() {
  std::error_code error;
  const fs::path path = fs::read_symlink("/proc/self/exe", error);
  if (error) throw_world("cannot find my own path: {}", error.message());
  return path;
}

std::vector<std::string> own_arguments() {
  std::vector<std::string> arguments = split(read_file("/proc/self/cmdline"), '\0');
  arguments.pop_back();  // What follows the last one's end.
  arguments.front() = own_path().string();
  return arguments;
}

std::string find_mpirun() {
  std::vector<fs::path> candidates;
  if (const char* named = std::getenv("SEQSWEEP_MPIRUN")) candidates.emplace_back(named);
  const char* path = std::getenv("PATH");
  for (const std::string& folder : split(path ? path : "", ':')) {
    candidates.push_back(fs::path(folder) / "mpirun");
  }
  candidates.push_back(own_path().parent_path() / "../../.venv/bin/mpirun");
  for (const fs::path& candidate : candidates) {
    if (::access(candidate.c_str(), X_OK) == 0) return candidate.string();
  }
  return "";
}

void remove_left_session(pid_t mpirun) {
  std::error_code ignored;
  fs::remove_all(fs::temp_directory_path() / (kSession + std::to_string(mpirun)), ignored);
}

int count_left_sessions() {
  std::error_code ignored;
  int left = 0;
  for (const fs::directory_entry& entry :
       fs::directory_iterator(fs::temp_directory_path(), ignored)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kSession)) continue;
    left += !fs::exists("/proc/" + name.substr(kSession.size()), ignored);
  }
  return left;
}

std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? "'\\''" : std::string(1, c);
  return out + "'";
}

std::optional<std::string> output_of(const std::string& command, bool all) {
  FILE* pipe = ::popen((command + " 2>/dev/null").c_str(), "r");
  if (!pipe) return std::nullopt;
  std::string text;
  std::array<char, 4096> buffer;
  while (const size_t n = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
    text.append(buffer.data(), n);
  }
  if (::pclose(pipe) != 0) return std::nullopt;
  return all ? text : text.substr(0, text.find('\n'));
}

}  // namespace seqsweep
