// Bytes as a file without a disk, for readers that want a path.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <filesystem>
#include <span>
#include <string>

#include "core/base/check.h"

namespace seqsweep {

class MemoryFile {
 public:
  explicit MemoryFile(std::span<const uint8_t> bytes)
      : descriptor_(::memfd_create("seqsweep-fuzz", MFD_CLOEXEC)) {
    SEQ_CHECK(descriptor_ >= 0);
    SEQ_CHECK(bytes.empty() ||
              ::write(descriptor_, bytes.data(), bytes.size()) == std::ssize(bytes));
  }
  ~MemoryFile() { ::close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  std::filesystem::path path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

}  // namespace seqsweep
