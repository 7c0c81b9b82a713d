// seqsweep evaluate and recommend: what a trained model of a run's folder is worth, and what it
// says.
#include <fmt/format.h>

#include <filesystem>

#include "core/base/text.h"
#include "core/eval/metrics.h"
#include "tools/commands/commands.h"
#include "tools/commands/places.h"
#include "worker/device.h"
#include "worker/model_file.h"

namespace seqsweep {
namespace {

struct Options {
  std::string folder, data_dir, split = "test", device = "cpu";
  std::vector<int64_t> cutoffs = {1, 5, 10, 20};
  std::vector<std::string> history;
  std::string user;
  int64_t count = 10;
  bool json = false, exclude_seen = false;
};

LoadedModel load(const Options& options) {
  const Value choice = Value::scalar(options.device, Position{"command line: --device"});
  DeviceChoice device{};
  read_field(choice, "device", device, {});
  return load_model(options.folder, data_dir_or_default(options.data_dir),
                    choose_device(device).device);
}

int evaluate(const Options& options) {
  LoadedModel model = load(options);
  const Split split = options.split == "validation" ? Split::Validation : Split::Test;
  std::vector<int64_t> users(static_cast<size_t>(model.run.data->users()));
  std::iota(users.begin(), users.end(), int64_t{0});
  const std::vector<int32_t> ranks = model.run.task->target_ranks(users, split);
  Json json = Json::object();
  for (const Metric& metric : ranking_metrics(ranks, options.cutoffs)) {
    json[metric.name] = metric.value;
    if (!options.json) fmt::print("{:<10}{:.4f}\n", metric.name, metric.value);
  }
  if (options.json) fmt::print("{}\n", json.dump(2));
  return kExitDone;
}

// An item by its title or its raw id, as the data set has it.
int32_t find_item(const Dataset& data, const std::string& text) {
  std::vector<std::string> titles;
  for (int32_t item = 0; item < data.items(); ++item) {
    if (data.title(item) == text || data.item_key(item) == text) return item;
    titles.emplace_back(data.title(item));
  }
  throw_input("recommend: no item '{}' in {}{}", text, data.name(), did_you_mean(text, titles));
}

std::vector<int32_t> history_of(const Dataset& data, const Options& options) {
  std::vector<int32_t> history;
  if (!options.user.empty()) {
    for (int64_t user = 0; user < data.users(); ++user) {
      if (data.user_key(user) != options.user) continue;
      const History all = data.sequence(user);
      return {all.begin(), all.end()};
    }
    throw_input("recommend: no user '{}' in {}", options.user, data.name());
  }
  for (const std::string& text : options.history) history.push_back(find_item(data, text));
  if (history.empty()) throw_input("recommend: give --user KEY, or --history TITLE TITLE ...");
  return history;
}

std::string shown(const Dataset& data, int32_t item) {
  const std::string_view title = data.title(item);
  return printable(title.empty() ? data.item_key(item) : title);
}

int recommend(const Options& options) {
  LoadedModel model = load(options);
  const Dataset& data = *model.run.data;
  const std::vector<int32_t> history = history_of(data, options);
  const History histories[] = {history};
  const Seen seen = options.exclude_seen ? Seen::LeftOut : Seen::Listed;
  const auto items = model.run.task->recommend(histories, options.count, seen).front();
  if (options.json) {
    Json json = Json::array();
    for (const Recommendation& one : items) {
      json.push_back({{"item", data.item_key(one.item)},
                      {"title", data.title(one.item)},
                      {"score", one.score}});
    }
    fmt::print("{}\n", json.dump(2, ' ', false, Json::error_handler_t::replace));
    return kExitDone;
  }
  fmt::print("after:\n");
  const size_t from = history.size() > 5 ? history.size() - 5 : 0;
  for (size_t i = from; i < history.size(); ++i) fmt::print("    {}\n", shown(data, history[i]));
  fmt::print("next:\n");
  for (size_t i = 0; i < items.size(); ++i) {
    fmt::print("{:3} {:<60} {:8.3f}\n", i + 1, shown(data, items[i].item), items[i].score);
  }
  return kExitDone;
}

void add_shared(CLI::App& command, Options& options) {
  command.add_option("FOLDER", options.folder, "a run's folder: DB.runs/RUN (see seqsweep status)")
      ->required();
  command.add_option("--data-dir", options.data_dir,
                     "raw and cached data sets [SEQSWEEP_DATA or data]");
  command.add_option("--device", options.device, "auto, cpu or cuda [cpu]");
  command.add_flag("--json", options.json, "JSON instead of text");
}

}  // namespace

void add_evaluate(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand("evaluate", "Score a trained model on its data set");
  auto options = std::make_shared<Options>();
  add_shared(*command, *options);
  command->add_option("--split", options->split, "test or validation [test]")
      ->check(CLI::IsMember({"test", "validation"}));
  command->add_option("--cutoffs", options->cutoffs, "k of HIT@k, NDCG@k, MRR@k [1 5 10 20]")
      ->check(CLI::PositiveNumber);
  command->footer("Example:\n  seqsweep evaluate results.db.runs/0f3a... --cutoffs 10 50");
  command->callback([&action, options] { action = [options] { return evaluate(*options); }; });
}

void add_recommend(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand("recommend", "The next items for a history");
  auto options = std::make_shared<Options>();
  add_shared(*command, *options);
  command->add_option("--history", options->history, "titles or raw item ids, oldest first");
  command->add_option("--user", options->user, "a user of the data set, by raw id");
  command->add_option("--count", options->count, "how many items [10]")->check(CLI::PositiveNumber);
  command->add_flag("--exclude-seen", options->exclude_seen,
                    "leave out what the history has (evaluation ranks it too)");
  command->footer(
      "Examples:\n"
      "  seqsweep recommend results.db.runs/0f3a... --user 196\n"
      "  seqsweep recommend results.db.runs/0f3a... --history 'Toy Story' 'Fargo'");
  command->callback([&action, options] { action = [options] { return recommend(*options); }; });
}

}  // namespace seqsweep
