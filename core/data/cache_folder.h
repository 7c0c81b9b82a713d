// Where cache files lie, and the lock that lets one process at a time build one.
#pragma once

#include <filesystem>
#include <vector>

namespace seqsweep {

// Folders to look in, best first: only $SEQSWEEP_CACHE when it is set; else `data_dir`/cache, then
// seqsweep in $XDG_CACHE_HOME or ~/.cache.
std::vector<std::filesystem::path> cache_folders(const std::filesystem::path& data_dir);

// The first of the folders that can be made and written; throws Error (Fault::World) when none can.
std::filesystem::path writable_folder(const std::vector<std::filesystem::path>& folders);

// Held until destroyed; waits for another holder. The file stays: removing it would let two
// processes hold locks of the same name. Where the file system has no locks it is no lock: caches
// appear atomically, so two builders only waste work.
class FileLock {
 public:
  explicit FileLock(const std::filesystem::path& path);  // Throws Error (Fault::World).
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  int descriptor_;
};

}  // namespace seqsweep
