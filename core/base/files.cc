#include "core/base/files.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "core/base/check.h"
#include "core/base/error.h"

namespace seqsweep {
namespace {

namespace fs = std::filesystem;

std::string reason() {
  return std::strerror(errno);
}

// Makes the rename durable; file systems without folder sync are left as they are.
void sync_folder(const fs::path& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  ::fsync(descriptor);
  ::close(descriptor);
}

}  // namespace

std::string read_file(const fs::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) throw_input("{}: cannot read: {}", path.string(), reason());
  std::string bytes;
  std::vector<char> buffer(1 << 16);
  ssize_t got = 0;
  while ((got = ::read(descriptor, buffer.data(), buffer.size())) > 0) {
    bytes.append(buffer.data(), static_cast<size_t>(got));
  }
  const std::string why = got < 0 ? reason() : "";
  ::close(descriptor);
  if (got < 0) throw_input("{}: cannot read: {}", path.string(), why);
  return bytes;
}

AtomicFile::AtomicFile(fs::path path) : path_(std::move(path)) {
  static std::atomic<int> serial{0};
  std::error_code failed;
  if (fs::is_symlink(path_, failed)) {
    if (const fs::path target = fs::canonical(path_, failed); !failed) path_ = target;
  }
  if (fs::is_directory(path_, failed)) throw_input("{}: is a folder", path_.string());
  if (fs::exists(path_, failed) && !fs::is_regular_file(path_, failed)) {
    descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC);
    if (descriptor_ < 0) throw_input("{}: cannot write: {}", path_.string(), reason());
    return;
  }
  if (path_.has_parent_path()) {
    std::error_code error;
    fs::create_directories(path_.parent_path(), error);
    if (error)
      throw_world("{}: cannot make folder: {}", path_.parent_path().string(), error.message());
  }
  temporary_ = path_;
  temporary_ += fmt::format(".{}.{}.tmp", ::getpid(), serial++);
  descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor_ < 0) throw_world("{}: cannot write: {}", path_.string(), reason());
}

AtomicFile::~AtomicFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::write(const void* data, size_t bytes) {
  const char* next = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t written = ::write(descriptor_, next, bytes);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw_world("{}: cannot write: {}", path_.string(), reason());
    next += written;
    bytes -= static_cast<size_t>(written);
  }
}

void AtomicFile::commit() {
  SEQ_CHECK(descriptor_ >= 0);
  if (temporary_.empty()) {
    ::close(std::exchange(descriptor_, -1));
    return;
  }
  if (::fsync(descriptor_) != 0) throw_world("{}: cannot sync: {}", path_.string(), reason());
  ::close(std::exchange(descriptor_, -1));
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) {
    const std::string why = reason();
    ::unlink(temporary_.c_str());
    throw_world("{}: cannot rename into place: {}", path_.string(), why);
  }
  sync_folder(path_.has_parent_path() ? path_.parent_path() : fs::path("."));
}

bool leaves_working_folder(const fs::path& path) {
  std::error_code failed;
  const fs::path from = fs::current_path(failed);
  const fs::path way = fs::weakly_canonical(from / path, failed).lexically_relative(from);
  return failed || way.empty() || *way.begin() == "..";
}

void write_file_atomic(const fs::path& path, std::string_view bytes) {
  AtomicFile file(path);
  file.write(bytes.data(), bytes.size());
  file.commit();
}

MappedFile::MappedFile(const fs::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) throw_input("{}: cannot read: {}", path.string(), reason());
  struct stat status {};
  if (::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(descriptor);
    throw_input("{}: is not a file", path.string());
  }
  size_ = static_cast<size_t>(status.st_size);
  if (size_ > 0) {
    void* data = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, descriptor, 0);
    const std::string why = data == MAP_FAILED ? reason() : "";
    ::close(descriptor);
    if (data == MAP_FAILED) throw_world("{}: cannot map: {}", path.string(), why);
    data_ = static_cast<const std::byte*>(data);
  } else {
    ::close(descriptor);
  }
}

MappedFile::~MappedFile() {
  if (data_) ::munmap(const_cast<std::byte*>(data_), size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  SEQ_CHECK(context_ != nullptr);
  SEQ_CHECK(EVP_DigestInit_ex(static_cast<EVP_MD_CTX*>(context_), EVP_sha256(), nullptr) == 1);
}

Sha256::~Sha256() {
  EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(context_));
}

void Sha256::update(const void* data, size_t bytes) {
  SEQ_CHECK(EVP_DigestUpdate(static_cast<EVP_MD_CTX*>(context_), data, bytes) == 1);
}

std::string Sha256::hex() {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  SEQ_CHECK(EVP_DigestFinal_ex(static_cast<EVP_MD_CTX*>(context_), digest, &length) == 1);
  std::string text;
  for (unsigned int i = 0; i < length; ++i) text += fmt::format("{:02x}", digest[i]);
  return text;
}

std::string sha256_hex(std::string_view bytes) {
  Sha256 hash;
  hash.update(bytes.data(), bytes.size());
  return hash.hex();
}

std::string sha256_of_file(const fs::path& path) {
  const MappedFile file(path);
  Sha256 hash;
  hash.update(file.bytes().data(), file.bytes().size());
  return hash.hex();
}

}  // namespace seqsweep
