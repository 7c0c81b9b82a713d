// The right to coordinate a database: a lock on DB.lock beside it, held until the object or the
// process ends. The file stays, so that nobody locks one that was just removed.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace seqsweep {

class DatabaseLock {
 public:
  // Makes missing folders. Waits up to wait_s for a holder that is just ending. Fault::Input when
  // it stays held (the text names the holder's host and pid), or the file cannot be made.
  DatabaseLock(const std::filesystem::path& database, double wait_s);
  ~DatabaseLock();
  DatabaseLock(const DatabaseLock&) = delete;
  DatabaseLock& operator=(const DatabaseLock&) = delete;

 private:
  int descriptor_ = -1;
};

// Whether a coordinator is at work on the database now; nothing: this file system has no locks.
std::optional<bool> is_locked(const std::filesystem::path& database);

}  // namespace seqsweep
