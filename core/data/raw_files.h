// Which raw files a data set is read from, and where they are looked for.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace seqsweep {

// File names in data_dir/<data set>; of each list the first that exists counts.
struct RawNames {
  std::vector<std::string> interactions;
  std::vector<std::string> titles;  // Empty: the data set has no titles.
};

struct RawFiles {
  std::filesystem::path interactions;
  std::optional<std::filesystem::path> titles;  // Without them items have no titles.

  std::vector<std::filesystem::path> all() const;
};

std::optional<std::filesystem::path> first_existing(const std::filesystem::path& folder,
                                                    const std::vector<std::string>& names);

// Throws Error (Fault::Input) that says what was looked for and how to get it. Warns when there are
// no titles.
RawFiles find_raw_files(const std::string& dataset, const std::filesystem::path& data_dir,
                        const RawNames& names);

}  // namespace seqsweep
