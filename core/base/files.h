// Files that survive a crash: whole or not at all. Every function throws Error that names the path.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace seqsweep {

// Fault::Input when the file is missing or unreadable.
std::string read_file(const std::filesystem::path& path);

// Whether the path, which need not exist, leads out of the working folder: by "..", from the root
// or through a link.
bool leaves_working_folder(const std::filesystem::path& path);

// Writes to a temporary name beside it, fsyncs, renames and fsyncs the folder. Fault::World when
// the disk is full or the folder cannot be written. Makes missing folders.
void write_file_atomic(const std::filesystem::path& path, std::string_view bytes);

// A file that grows under a temporary name and appears under its own at commit(); dropped
// otherwise. Of a link the target is replaced. A pipe or device is written as it is; a folder is
// Fault::Input.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(const void* data, size_t bytes);
  void commit();

 private:
  std::filesystem::path path_, temporary_;
  int descriptor_ = -1;
};

// A file read through memory; the bytes live as long as the object.
class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&&) = delete;
  std::span<const std::byte> bytes() const { return {data_, size_}; }

 private:
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

// SHA-256 over pieces.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void update(const void* data, size_t bytes);
  std::string hex();  // Ends the hash; call once.

 private:
  void* context_;
};
std::string sha256_hex(std::string_view bytes);
std::string sha256_of_file(const std::filesystem::path& path);

}  // namespace seqsweep
