#include "core/base/oom_kills.h"

#include <charconv>
#include <fstream>
#include <iterator>
#include <string>

#include "core/base/text.h"

namespace seqsweep {
namespace {

namespace fs = std::filesystem;

// Of /proc, where a file's size says nothing.
std::string text_of(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

std::optional<int64_t> oom_kills() {
  const auto file = oom_kills_file(text_of("/proc/self/cgroup"), "/sys/fs/cgroup");
  return oom_kills_in(text_of(file.value_or("/proc/vmstat")));
}

std::optional<fs::path> oom_kills_file(std::string_view membership, const fs::path& root) {
  for (const std::string& line : split(membership, '\n')) {
    const std::vector<std::string> parts = split(line, ':');  // "4:memory:/jobs/7" or "0::/jobs/7"
    if (parts.size() < 3) continue;
    const bool version_1 = parts[1] == "memory";
    if (!version_1 && !parts[1].empty()) continue;
    const fs::path mounted = version_1 ? root / "memory" : root;
    const char* name = version_1 ? "memory.oom_control" : "memory.events";
    for (const fs::path& group : {mounted / fs::path(parts[2]).relative_path(), mounted}) {
      std::error_code none;
      if (fs::exists(group / name, none)) return group / name;
    }
  }
  return std::nullopt;
}

std::optional<int64_t> oom_kills_in(std::string_view text) {
  constexpr std::string_view kKey = "oom_kill ";
  for (const std::string& line : split(text, '\n')) {
    if (!line.starts_with(kKey)) continue;
    int64_t count = 0;
    const char* end = line.data() + line.size();
    if (std::from_chars(line.data() + kKey.size(), end, count).ptr == end) return count;
  }
  return std::nullopt;
}

}  // namespace seqsweep
