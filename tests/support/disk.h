// The disk as SQLite sees it, in the place of the C library's: waits are counted, and can fail. For
// one file of a program.
#pragma once

#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

namespace seqsweep {
inline std::atomic<int> disk_waits = 0;
inline std::atomic<bool> disk_fails = false;
}  // namespace seqsweep

extern "C" int fdatasync(int descriptor) {
  ++seqsweep::disk_waits;
  if (!seqsweep::disk_fails) return static_cast<int>(syscall(SYS_fdatasync, descriptor));
  errno = EIO;
  return -1;
}
