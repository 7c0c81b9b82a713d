#include "db/database_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/host.h"
#include "core/base/log.h"
#include "core/base/text.h"

namespace seqsweep {
namespace {

std::string lock_path(const std::filesystem::path& database) {
  return database.string() + ".lock";
}

std::string holder(int descriptor) {
  char text[256];
  const ssize_t bytes = pread(descriptor, text, sizeof(text), 0);
  return bytes > 0 ? printable(trim({text, static_cast<size_t>(bytes)})) : "unknown";
}

void name_holder(int descriptor) {
  const std::string text = fmt::format("pid {} on host {}\n", getpid(), host_name());
  // Only for the error text of others: the lock holds without it.
  if (ftruncate(descriptor, 0) != 0 || pwrite(descriptor, text.data(), text.size(), 0) < 0) {
    log_warning("database lock: could not write the holder's name: {}", std::strerror(errno));
  }
}

}  // namespace

DatabaseLock::DatabaseLock(const std::filesystem::path& database, double wait_s) {
  const std::string shown = printable(database.string());
  std::error_code failed;
  if (database.has_parent_path()) {
    std::filesystem::create_directories(database.parent_path(), failed);
  }
  descriptor_ = open(lock_path(database).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor_ < 0) {
    throw_input("database '{}': cannot be written: {}", shown, std::strerror(errno));
  }
  const double deadline_s = monotonic_s() + wait_s;
  while (flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) {
      log_warning("database '{}': this file system has no locks ({}); start only one coordinator",
                  shown, std::strerror(errno));
      break;
    }
    if (monotonic_s() > deadline_s) {
      const std::string who = holder(descriptor_);
      close(descriptor_);
      throw_input(
          "database '{}': another coordinator is at work on it ({}); end it or give "
          "another path",
          shown, who);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  name_holder(descriptor_);
}

DatabaseLock::~DatabaseLock() {
  close(descriptor_);
}

std::optional<bool> is_locked(const std::filesystem::path& database) {
  const int descriptor = open(lock_path(database).c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return false;
  const int error = flock(descriptor, LOCK_SH | LOCK_NB) == 0 ? 0 : errno;
  close(descriptor);
  if (error != 0 && error != EWOULDBLOCK) return std::nullopt;
  return error == EWOULDBLOCK;
}

}  // namespace seqsweep
