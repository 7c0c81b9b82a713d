#include "core/data/cache_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "core/base/error.h"
#include "core/base/log.h"
#include "core/base/text.h"

namespace seqsweep {
namespace {

namespace fs = std::filesystem;

const char* environment(const char* name) {
  const char* value = std::getenv(name);
  return value && *value ? value : nullptr;
}

}  // namespace

std::vector<fs::path> cache_folders(const fs::path& data_dir) {
  if (const char* chosen = environment("SEQSWEEP_CACHE")) return {chosen};
  std::vector<fs::path> folders = {data_dir / "cache"};
  if (const char* cache = environment("XDG_CACHE_HOME")) {
    folders.push_back(fs::path(cache) / "seqsweep");
  } else if (const char* home = environment("HOME")) {
    folders.push_back(fs::path(home) / ".cache" / "seqsweep");
  }
  return folders;
}

fs::path writable_folder(const std::vector<fs::path>& folders) {
  std::vector<std::string> tried;
  for (const fs::path& folder : folders) {
    std::error_code error;
    fs::create_directories(folder, error);
    if (!error && ::access(folder.c_str(), W_OK | X_OK) == 0) return folder;
    tried.push_back(
        fmt::format("{}: {}", folder.string(), error ? error.message() : std::strerror(errno)));
  }
  throw_world("no folder for cache files can be written ({}): set SEQSWEEP_CACHE to one that can",
              join(tried, "; "));
}

FileLock::FileLock(const fs::path& path)
    : descriptor_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)) {
  if (descriptor_ < 0) throw_world("{}: cannot write: {}", path.string(), std::strerror(errno));
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0) return;
  if (errno == EWOULDBLOCK) {
    log_info("{}: waiting for the process that prepares it", path.stem().string());
  }
  while (::flock(descriptor_, LOCK_EX) != 0) {
    if (errno == EINTR) continue;
    log_debug("{}: cannot lock: {}", path.string(), std::strerror(errno));
    return;
  }
}

FileLock::~FileLock() {
  ::close(descriptor_);
}

}  // namespace seqsweep
