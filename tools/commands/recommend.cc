// seqsweep recommend: what a trained model of a run's folder says to a history, or to events as
// they come.
#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <optional>
#include <string>
#include <unordered_map>

#include "core/base/files.h"
#include "core/base/text.h"
#include "tools/commands/commands.h"
#include "tools/commands/trained_model.h"

namespace seqsweep {
namespace {

struct RecommendOptions : TrainedModelOptions {
  std::vector<std::string> history;
  std::string user;
  int64_t count = 10;
  bool follow = false, exclude_seen = false;
  bool all_users = false;
  std::string out, split = "none";

  Seen seen() const { return exclude_seen ? Seen::LeftOut : Seen::Listed; }
};

// Items by title or raw id, as the data set has them. Two items of one title: the first.
class ItemFinder {
 public:
  explicit ItemFinder(const Dataset& data) : data_(data) {
    for (int32_t item = 0; item < data.items(); ++item) {
      if (!data.title(item).empty()) items_.emplace(data.title(item), item);
    }
    for (int32_t item = 0; item < data.items(); ++item) items_.emplace(data.item_key(item), item);
  }

  int32_t find(const std::string& text) const {
    if (const auto found = items_.find(text); found != items_.end()) return found->second;
    std::vector<std::string> known;
    for (const auto& [name, item] : items_) known.emplace_back(name);
    throw_input("recommend: no item '{}' in {}{}", printable(text), data_.name(),
                did_you_mean(text, known));
  }

 private:
  const Dataset& data_;
  std::unordered_map<std::string_view, int32_t> items_;  // Views into the data set.
};

std::vector<int32_t> history_of(const Dataset& data, const ItemFinder& finder,
                                const RecommendOptions& options) {
  std::vector<int32_t> history;
  if (!options.user.empty()) {
    for (int64_t user = 0; user < data.users(); ++user) {
      if (data.user_key(user) != options.user) continue;
      const History all = data.sequence(user);
      return {all.begin(), all.end()};
    }
    throw_input("recommend: no user '{}' in {}", options.user, data.name());
  }
  for (const std::string& text : options.history) history.push_back(finder.find(text));
  if (history.empty() && !options.follow) {
    throw_input(
        "recommend: give --user KEY, --history TITLE TITLE ..., or --follow and a title a line");
  }
  return history;
}

std::string shown(const Dataset& data, int32_t item) {
  const std::string_view title = data.title(item);
  return printable(title.empty() ? data.item_key(item) : title);
}

Json to_json(const Dataset& data, const std::vector<Recommendation>& items) {
  Json json = Json::array();
  for (const Recommendation& one : items) {
    json.push_back({{"item", data.item_key(one.item)},
                    {"index", one.item},
                    {"title", data.title(one.item)},
                    {"score", one.score}});
  }
  return json;
}

void print_text(const Dataset& data, const std::vector<Recommendation>& items) {
  for (size_t i = 0; i < items.size(); ++i) {
    fmt::print("{:3} {:<60} {:8.3f}\n", i + 1, shown(data, items[i].item), items[i].score);
  }
}

// A line of standard input is an event: the item's title or raw id. After each, the next items:
// text, or one JSON array a line. A line that names no item is told on standard error and skipped.
int follow(const RecommendOptions& options, LoadedModel& model, const ItemFinder& finder,
           const std::vector<int32_t>& history) {
  const Dataset& data = *model.run.data;
  const auto session = model.run.task->follow();
  for (const int32_t item : history) session->add(item);
  std::string line;
  while (std::getline(std::cin, line)) {
    const std::string text(trim(line));
    if (text.empty()) continue;
    try {
      const int32_t item = finder.find(text);
      session->add(item);
      const auto items = session->recommend(options.count, options.seen());
      if (options.json) {
        fmt::print("{}\n", dump(to_json(data, items), -1));
      } else {
        fmt::print("after {}:\n", shown(data, item));
        print_text(data, items);
      }
      std::fflush(stdout);
    } catch (const Error& error) {
      if (error.fault() != Fault::Input) throw;
      fmt::print(stderr, "{}\n", error.what());
    }
  }
  return kExitDone;
}

// What is known of a user: all, or what came before the item that a split asks for.
History known(const Dataset& data, int64_t user, const std::string& split) {
  if (split == "none") return data.sequence(user);
  return data.history(user, split == "test" ? Split::Test : Split::Validation);
}

// The lists of the users from `begin` on, as lines of a RecBole atomic file.
std::string lists_of(LoadedModel& model, const RecommendOptions& options, int64_t begin,
                     int64_t end) {
  const Dataset& data = *model.run.data;
  std::vector<History> histories;
  for (int64_t user = begin; user < end; ++user) {
    histories.push_back(known(data, user, options.split));
  }
  const auto lists = model.run.task->recommend(histories, options.count, options.seen());
  std::string lines;
  for (size_t i = 0; i < lists.size(); ++i) {
    const std::string user = printable(data.user_key(begin + static_cast<int64_t>(i)));
    for (const Recommendation& one : lists[i]) {
      lines += fmt::format("{}\t{}\t{}\n", user, printable(data.item_key(one.item)), one.score);
    }
  }
  return lines;
}

int recommend_to_all(const RecommendOptions& options, LoadedModel& model) {
  const int64_t users = model.run.data->users();
  const int64_t batch = model.config.evaluate.batch_size;
  std::optional<AtomicFile> file;
  if (!options.out.empty()) file.emplace(options.out);
  const auto write = [&](const std::string& text) {
    file ? file->write(text.data(), text.size()) : fmt::print("{}", text);
  };
  write("user_id:token\titem_id:token\tscore:float\n");
  for (int64_t begin = 0; begin < users; begin += batch) {
    write(lists_of(model, options, begin, std::min(users, begin + batch)));
  }
  if (!file) return kExitDone;
  file->commit();
  fmt::print("{}: {} users\n", options.out, human_count(users));
  return kExitDone;
}

int recommend(const RecommendOptions& options) {
  if (!options.all_users && (!options.out.empty() || options.split != "none")) {
    throw_input("recommend: --out and --before go with --all-users");
  }
  LoadedModel model = options.load();
  if (options.all_users) return recommend_to_all(options, model);
  const Dataset& data = *model.run.data;
  const ItemFinder finder(data);
  const std::vector<int32_t> history = history_of(data, finder, options);
  if (options.follow) return follow(options, model, finder, history);
  const History histories[] = {history};
  const auto items = model.run.task->recommend(histories, options.count, options.seen()).front();
  if (options.json) {
    fmt::print("{}\n", dump(to_json(data, items), 2));
    return kExitDone;
  }
  fmt::print("after:\n");
  const size_t from = history.size() > 5 ? history.size() - 5 : 0;
  for (size_t i = from; i < history.size(); ++i) fmt::print("    {}\n", shown(data, history[i]));
  fmt::print("next:\n");
  print_text(data, items);
  return kExitDone;
}

}  // namespace

void add_recommend(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand("recommend", "The next items for a history, or for all users");
  auto options = std::make_shared<RecommendOptions>();
  options->add_to(*command);
  auto* history =
      command->add_option("--history", options->history, "titles or raw item ids, oldest first");
  auto* user = command->add_option("--user", options->user, "a user of the data set, by raw id")
                   ->excludes(history);
  command->add_option("--count", options->count, "how many items [10]")
      ->check(whole(1, 1'000'000'000));
  auto* follow =
      command->add_flag("--follow", options->follow,
                        "go on with events from standard input, a title or raw id a line");
  command->add_flag("--exclude-seen", options->exclude_seen,
                    "leave out what the history has (evaluation ranks it too)");
  command->add_flag("--all-users", options->all_users, "a list for each user of the data set")
      ->excludes(history)
      ->excludes(user)
      ->excludes(follow)
      ->excludes(command->get_option("--json"));
  command->add_option("--out", options->out, "file for the lists of --all-users [standard output]");
  command
      ->add_option("--before", options->split,
                   "with --all-users, go by what came before the user's test or validation item "
                   "[none: by all]")
      ->check(CLI::IsMember({"none", "test", "validation"}));
  command->footer(
      "Examples:\n"
      "  seqsweep recommend results.db.runs/0f3a... --user 196\n"
      "  seqsweep recommend results.db.runs/0f3a... --history 'Toy Story (1995)' 'Fargo (1996)'\n"
      "  tail -f events | seqsweep recommend results.db.runs/0f3a... --follow --json\n"
      "  seqsweep recommend results.db.runs/0f3a... --all-users --before test --out topk.inter\n"
      "The lists of --all-users are a RecBole atomic file: user_id:token, item_id:token, "
      "score:float.\n"
      "With --follow a recurrent model (mamba4rec, 2mamba4rec) keeps the user's state: an event "
      "costs\n"
      "the same however long the history is.");
  command->callback([&action, options] { action = [options] { return recommend(*options); }; });
}

}  // namespace seqsweep
