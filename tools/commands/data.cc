// seqsweep data prepare: gets the raw files of a data set and makes its cache.
#include <fmt/format.h>

#include "core/base/text.h"
#include "core/data/prepare.h"
#include "core/data/registry.h"
#include "tools/commands/commands.h"
#include "tools/commands/places.h"

namespace seqsweep {
namespace {

struct PrepareOptions {
  std::string name, raw, data_dir;
  std::vector<std::string> settings;
};

int prepare(const PrepareOptions& options) {
  const std::filesystem::path data_dir = data_dir_or_default(options.data_dir);
  fetch_dataset(
      options.name, data_dir,
      options.raw.empty() ? std::nullopt : std::optional<std::filesystem::path>(options.raw));
  Value settings = Value::map(Position{"command line"});
  for (const std::string& assignment : options.settings) apply_override(settings, assignment);
  const auto& entry = datasets().find(options.name, Position{"command line"});
  Json spec = entry.resolve(settings, options.name);
  spec["name"] = options.name;
  const auto data = datasets().make(spec, DatasetContext{data_dir});
  const DatasetStatistics figures = statistics_of(*data);
  fmt::print("{}: {} users, {} items, {} interactions, {:.1f} a user, density {:.4f} %\n",
             options.name, human_count(figures.users), human_count(figures.items),
             human_count(figures.interactions), figures.mean_length, 100 * figures.density);
  return kExitDone;
}

}  // namespace

void add_data(CLI::App& app, Action& action) {
  auto* data = app.add_subcommand("data", "Data sets: download, read, cache");
  data->require_subcommand(1);
  data->footer("Example:\n  seqsweep data prepare ml-100k");
  auto* command = data->add_subcommand("prepare", "Get the raw files of a data set and cache it");
  auto options = std::make_shared<PrepareOptions>();
  command->add_option("NAME", options->name, "a data set: seqsweep list datasets")->required();
  command->add_option("SETTINGS", options->settings, "key=value, as in core=5");
  command->add_option("--raw", options->raw,
                      "a folder or file with the raw data, instead of a download");
  command->add_option("--data-dir", options->data_dir, "where it goes [SEQSWEEP_DATA or data]");
  command->footer(
      "Examples:\n"
      "  seqsweep data prepare ml-100k\n"
      "  seqsweep data prepare ml-1m --raw ~/Downloads/ml-1m");
  command->callback([&action, options] { action = [options] { return prepare(*options); }; });
}

}  // namespace seqsweep
