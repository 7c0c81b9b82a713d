#include "worker/quiet_host.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>
#include <ctime>
#include <thread>
#include <utility>

#include "core/base/clock.h"
#include "core/base/log.h"

namespace seqsweep {
namespace {

// Bytes of the file that are locked: the first one together by all that work, alone by the one that
// measures; the second one by that one, from when it waits for the others on. They look at it at
// every step, so however many they are, they do not keep the first one among themselves for ever.
constexpr off_t kWork = 0, kWanted = 1;
constexpr std::chrono::milliseconds kLook{10};
// Who measures notices before all others that it was silent for too long.
constexpr double kNoticedEarlier = 0.9;
// Of the patience, after a wait in vain: one that hangs is not to cost every run a minute.
constexpr double kAfterVain = 0.1;

struct flock lock_on(off_t byte, short kind) {
  struct flock lock {};
  lock.l_type = kind;
  lock.l_whence = SEEK_SET;
  lock.l_start = byte;
  lock.l_len = 1;
  return lock;
}

// Of this open file, not of the process: threads have their own, and a fork does not lose it.
bool set_lock(int descriptor, off_t byte, short kind) {
  struct flock lock = lock_on(byte, kind);
  return ::fcntl(descriptor, F_OFD_SETLK, &lock) == 0;
}

bool is_held_alone(int descriptor, off_t byte) {
  struct flock lock = lock_on(byte, F_RDLCK);
  return ::fcntl(descriptor, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

double wall_s() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// The file's byte says whether the last wait for the others was in vain.
void note_wait(int descriptor, bool in_vain) {
  const char byte = in_vain ? '1' : '0';
  if (::pwrite(descriptor, &byte, 1, 0) != 1)
    log_debug("quiet host: cannot write: {}", std::strerror(errno));
}

bool last_wait_was_in_vain(int descriptor) {
  char byte = '0';
  return ::pread(descriptor, &byte, 1, 0) == 1 && byte == '1';
}

}  // namespace

std::filesystem::path quiet_host_file() {
  const std::filesystem::path memory = "/dev/shm";
  const bool writable = ::access(memory.c_str(), W_OK) == 0;
  return (writable ? memory : std::filesystem::temp_directory_path()) /
         fmt::format("seqsweep-quiet-{}", ::geteuid());
}

QuietHost::QuietHost(const std::filesystem::path& file, double patience_s)
    : descriptor_(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)),
      patience_s_(patience_s) {
  if (descriptor_ >= 0 && set_lock(descriptor_, kWork, F_UNLCK)) return;
  log_warning("{}: cannot be locked ({}): latency is measured beside whatever runs on this host",
              file.string(), std::strerror(errno));
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
}

QuietHost::~QuietHost() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

bool QuietHost::must_pause() {
  if (descriptor_ < 0) return false;
  if (is_held_alone(descriptor_, kWanted)) {
    if (!measurer_hangs()) return true;
    if (!told_) log_warning("who measures latency on this host hangs: not waited for any more");
    told_ = true;
    return false;
  }
  works_ = works_ || set_lock(descriptor_, kWork, F_RDLCK);
  return !works_;
}

void QuietHost::rest() {
  if (works_) set_lock(descriptor_, kWork, F_UNLCK);
  works_ = false;
}

void QuietHost::begin_quiet(const std::function<bool()>& go_on) {
  if (descriptor_ < 0) return;
  rest();
  while (!take_turn()) {
    if (measurer_hangs()) {
      log_warning("who measures latency on this host hangs: this run measures beside it");
      return;
    }
    if (!go_on()) return;
    std::this_thread::sleep_for(kLook);
  }
  const double share = last_wait_was_in_vain(descriptor_) ? kAfterVain : 1;
  const double deadline_s = monotonic_s() + share * patience_s_;
  while (!set_lock(descriptor_, kWork, F_WRLCK) && monotonic_s() < deadline_s) {
    if (!go_on()) return;
    still_measuring();
    std::this_thread::sleep_for(kLook);
  }
  was_quiet_ = set_lock(descriptor_, kWork, F_WRLCK);
  note_wait(descriptor_, !was_quiet_);
  if (was_quiet_) return;
  log_warning("a worker on this host did not pause within {:.0f} s: latency is measured beside it",
              share * patience_s_);
}

// The sign of life comes first, so that nobody sees the lock with an old one; but never for
// another.
bool QuietHost::take_turn() {
  if (is_held_alone(descriptor_, kWanted)) return false;
  sign_s_ = wall_s();
  ::futimens(descriptor_, nullptr);
  measures_ = set_lock(descriptor_, kWanted, F_WRLCK);
  return measures_;
}

void QuietHost::still_measuring() {
  if (!measures_) return;
  const double now_s = wall_s();
  if (std::abs(now_s - sign_s_) > kNoticedEarlier * patience_s_) was_quiet_ = false;
  sign_s_ = now_s;
  ::futimens(descriptor_, nullptr);
}

bool QuietHost::end_quiet() {
  still_measuring();
  if (measures_) {
    set_lock(descriptor_, kWork, F_UNLCK);
    set_lock(descriptor_, kWanted, F_UNLCK);
  }
  measures_ = false;
  return std::exchange(was_quiet_, false);
}

// Also where its clock was set back.
bool QuietHost::measurer_hangs() const {
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0) return true;
  const double sign_s = static_cast<double>(status.st_mtim.tv_sec) +
                        1e-9 * static_cast<double>(status.st_mtim.tv_nsec);
  return std::abs(wall_s() - sign_s) > patience_s_;
}

}  // namespace seqsweep
