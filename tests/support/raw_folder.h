// A temporary folder with raw files that a test writes.
#pragma once

#include <zlib.h>

#include <fstream>
#include <string>
#include <string_view>

#include "core/base/check.h"
#include "tests/support/temporary_folder.h"

namespace seqsweep {

class RawFolder : public TemporaryFolder {
 public:
  std::filesystem::path write(const std::string& name, std::string_view text) const {
    const auto file = make_room(name);
    std::ofstream(file, std::ios::binary) << text;
    return file;
  }

  std::filesystem::path write_gz(const std::string& name, std::string_view text) const {
    const auto path = make_room(name);
    const gzFile file = ::gzopen(path.c_str(), "wb");
    SEQ_CHECK(file != nullptr);
    SEQ_CHECK(::gzwrite(file, text.data(), static_cast<unsigned>(text.size())) ==
              static_cast<int>(text.size()));
    SEQ_CHECK(::gzclose(file) == Z_OK);
    return path;
  }

 private:
  std::filesystem::path make_room(const std::string& name) const {
    std::filesystem::create_directories((path() / name).parent_path());
    return path() / name;
  }
};

}  // namespace seqsweep
