// A folder that is filled under a temporary name beside it and appears whole, or not at all.
#pragma once

#include <filesystem>
#include <string_view>

namespace seqsweep {

class NewFolder {
 public:
  // Fault::Input when something is there already.
  explicit NewFolder(std::filesystem::path path);
  ~NewFolder();
  NewFolder(const NewFolder&) = delete;
  NewFolder& operator=(const NewFolder&) = delete;

  // A file in it, with the folders on its way. Only commit() makes anything durable.
  void write(const std::filesystem::path& file, std::string_view bytes);
  void make(const std::filesystem::path& folder);  // One that may stay empty.
  void commit();

 private:
  std::filesystem::path path_, temporary_;
};

}  // namespace seqsweep
