#include "core/base/host.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>

namespace seqsweep {
namespace {

// The number that a file begins with; no limit ("max"), or no such file: the other one.
int64_t number_in(const std::filesystem::path& file, int64_t otherwise) {
  int64_t number = 0;
  return std::ifstream(file) >> number && number > 0 ? number : otherwise;
}

int64_t machine_bytes(const std::filesystem::path& root) {
  std::ifstream file(root / "proc/meminfo");
  std::string name;
  int64_t kib = 0;
  return file >> name >> kib && name == "MemTotal:" ? 1024 * kib : 0;
}

}  // namespace

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown";
}

int64_t host_memory_bytes(const std::filesystem::path& root) {
  int64_t bytes = machine_bytes(root);
  if (bytes == 0) return 0;
  const std::filesystem::path groups = root / "sys/fs/cgroup";
  bytes = std::min(bytes, number_in(groups / "memory/memory.limit_in_bytes", bytes));  // Version 1.
  std::ifstream file(root / "proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("0::/")) continue;
    // Version 2: each group holds to the limits of those above it.
    for (std::filesystem::path group = line.substr(4);; group = group.parent_path()) {
      bytes = std::min(bytes, number_in(groups / group / "memory.max", bytes));
      if (group.empty()) break;
    }
  }
  return bytes;
}

}  // namespace seqsweep
