#include "core/data/registry.h"

#include "core/base/error.h"

namespace seqsweep {

DatasetRegistry& datasets() {
  static DatasetRegistry registry{"dataset"};
  return registry;
}

std::map<std::string, FetchRecipe>& fetch_recipes() {
  static std::map<std::string, FetchRecipe> recipes;
  return recipes;
}

void fetch_dataset(const std::string& name, const std::filesystem::path& data_dir,
                   const std::optional<std::filesystem::path>& raw) {
  datasets().find(name, Position{"data prepare"});
  const auto recipe = fetch_recipes().find(name);
  if (recipe != fetch_recipes().end()) {
    fetch(name, recipe->second, data_dir, raw);
  } else if (raw) {
    throw_input("--raw: {} has no raw files of known names; give it a 'path' if it takes one",
                name);
  }
}

}  // namespace seqsweep
