// A folder of its own for a test that writes files; removed with all it holds.
#pragma once

#include <unistd.h>
#include <zlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "core/base/check.h"

namespace seqsweep {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = std::filesystem::temp_directory_path() / "seqsweep-test-XXXXXX";
    SEQ_CHECK(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

  std::filesystem::path write(const std::string& name, std::string_view text) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name, std::ios::binary) << text;
    return path_ / name;
  }

  std::filesystem::path write_gz(const std::string& name, std::string_view text) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    const gzFile file = ::gzopen((path_ / name).c_str(), "wb");
    SEQ_CHECK(file != nullptr);
    SEQ_CHECK(::gzwrite(file, text.data(), static_cast<unsigned>(text.size())) ==
              static_cast<int>(text.size()));
    SEQ_CHECK(::gzclose(file) == Z_OK);
    return path_ / name;
  }

 private:
  std::filesystem::path path_;
};

}  // namespace seqsweep
