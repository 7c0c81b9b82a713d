#include "core/data/raw_files.h"

#include "core/base/error.h"
#include "core/base/log.h"
#include "core/base/text.h"

namespace seqsweep {

std::vector<std::filesystem::path> RawFiles::all() const {
  std::vector<std::filesystem::path> files = {interactions};
  if (titles) files.push_back(*titles);
  return files;
}

std::optional<std::filesystem::path> first_existing(const std::filesystem::path& folder,
                                                    const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (std::filesystem::exists(folder / name)) return folder / name;
  }
  return std::nullopt;
}

RawFiles find_raw_files(const std::string& dataset, const std::filesystem::path& data_dir,
                        const RawNames& names) {
  const std::filesystem::path folder = data_dir / dataset;
  const auto interactions = first_existing(folder, names.interactions);
  if (!interactions) {
    throw_input(
        "{}: no raw files: looked for {} in {}; get them with 'seqsweep data prepare {}', or point "
        "it to yours with --raw PATH",
        dataset, join(names.interactions, " or "), folder.string(), dataset);
  }
  RawFiles files{.interactions = *interactions, .titles = first_existing(folder, names.titles)};
  if (!files.titles && !names.titles.empty()) {
    log_warning("{}: items have no titles: found no {} in {}", dataset, join(names.titles, " or "),
                folder.string());
  }
  return files;
}

}  // namespace seqsweep
