// A data set of RecBole's: NAME.inter and, when it is there, NAME.item beside it.
#include "core/data/recbole.h"

#include "core/base/error.h"
#include "core/data/prepare.h"
#include "core/data/registry.h"

namespace seqsweep {
namespace {

namespace fs = std::filesystem;

struct RecboleConfig : PrepareSettings {
  std::string path;
  void fields(auto&& field) {
    field("path", path, "an .inter file, or a folder that holds one");
    PrepareSettings::fields(field);
  }
};

fs::path find_interactions(const fs::path& path) {
  if (path.empty()) throw_input("dataset recbole: needs a 'path': an .inter file or its folder");
  if (!fs::is_directory(path)) return path;
  fs::path found;
  for (const auto& entry : fs::directory_iterator(path)) {
    if (entry.path().extension() != ".inter") continue;
    if (!found.empty()) {
      throw_input("{}: holds several .inter files: name the one you mean in 'path'", path.string());
    }
    found = entry.path();
  }
  if (found.empty()) throw_input("{}: holds no .inter file", path.string());
  return found;
}

std::shared_ptr<const Dataset> make(const RecboleConfig& config, const DatasetContext& context) {
  const fs::path interactions = find_interactions(config.path);
  const fs::path titles = fs::path(interactions).replace_extension(".item");
  Source source{.name = "recbole", .files = {interactions}};
  source.interactions = [&](InteractionTable& table, double share) {
    return read_recbole_interactions(interactions, share, table);
  };
  if (fs::exists(titles)) {
    source.files.push_back(titles);
    source.titles = [&](TitleTable& table, double share) {
      return read_recbole_titles(titles, share, table);
    };
  }
  return open_or_prepare(source, config, context.data_dir);
}

const RegisterDataset<RecboleConfig> kRecbole{"recbole", "RecBole atomic files, by path", make};

}  // namespace
}  // namespace seqsweep
