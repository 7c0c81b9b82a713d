#include "tools/export/new_folder.h"

#include <unistd.h>

#include <cerrno>
#include <fstream>

#include "core/base/error.h"
#include "core/base/text.h"

namespace seqsweep {
namespace fs = std::filesystem;

NewFolder::NewFolder(fs::path path) : path_(std::move(path)) {
  if (!path_.has_filename()) path_ = path_.parent_path();  // "runs/" is "runs".
  const std::string shown = printable(path_.string());
  std::error_code failed;
  if (fs::exists(fs::symlink_status(path_, failed))) {
    throw_input("folder '{}': something is there already; give a new name", shown);
  }
  temporary_ = path_;
  temporary_ += ".part-" + std::to_string(::getpid());
  fs::create_directories(temporary_, failed);
  if (failed) throw_input("folder '{}': cannot be made: {}", shown, failed.message());
}

NewFolder::~NewFolder() {
  std::error_code ignored;
  fs::remove_all(temporary_, ignored);
}

void NewFolder::make(const fs::path& folder) {
  std::error_code failed;
  fs::create_directories(temporary_ / folder, failed);
  if (failed) {
    throw_world("folder '{}': cannot be made: {}", printable((temporary_ / folder).string()),
                failed.message());
  }
}

void NewFolder::write(const fs::path& file, std::string_view bytes) {
  const fs::path path = temporary_ / file;
  make(file.parent_path());
  errno = 0;
  std::ofstream out(path, std::ios::binary);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  out.close();
  if (!out) {
    throw_world("file '{}': cannot be written: {}", printable(path.string()),
                std::error_code(errno, std::generic_category()).message());
  }
}

void NewFolder::commit() {
  std::error_code failed;
  fs::rename(temporary_, path_, failed);
  if (failed) {
    throw_world("folder '{}': cannot be made: {}", printable(path_.string()), failed.message());
  }
}

}  // namespace seqsweep
