#include "core/data/prepare.h"

#include <algorithm>
#include <charconv>
#include <future>
#include <numeric>
#include <optional>
#include <utility>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "core/data/cache_folder.h"
#include "core/data/k_core.h"
#include "core/data/line_reader.h"

namespace seqsweep {
namespace {

namespace fs = std::filesystem;

constexpr int kPreparationVersion = 1;   // Raised when the same input gives another data set.
constexpr int64_t kShortestHistory = 3;  // One item each to train, validate and test.
constexpr size_t kNameDigits = 16;

// How long each stage took, for the log.
class Stages {
 public:
  void done(const char* stage) {
    const double now_s = monotonic_s();
    text_ += fmt::format("{}{} {}", text_.empty() ? "" : ", ", stage,
                         human_duration(now_s - std::exchange(begun_s_, now_s)));
  }
  const std::string& text() const { return text_; }

 private:
  double begun_s_ = monotonic_s();
  std::string text_;
};

std::string settings_hash(const Source& source, const PrepareSettings& settings) {
  Json files = Json::array();
  for (const fs::path& file : source.files) files.push_back(to_utf8(fs::absolute(file).string()));
  const Json all = {{"version", kPreparationVersion},
                    {"name", source.name},
                    {"files", files},
                    {"reader", source.reader},
                    {"core", settings.core},
                    {"ties", to_json(settings.ties)},
                    {"malformed_share", settings.malformed_share}};
  return sha256_hex(all.dump());
}

std::vector<FileStamp> stamps_of(const std::vector<fs::path>& files) {
  std::vector<FileStamp> stamps;
  for (const fs::path& file : files) stamps.push_back(stamp_of(file));
  return stamps;
}

std::string hash_of(const std::vector<fs::path>& files) {
  std::string hashes;
  for (const fs::path& file : files) hashes += sha256_of_file(file);
  return sha256_hex(hashes);
}

// The cache at `path` when it was made from these files and settings.
std::shared_ptr<const CachedDataset> open_current(const fs::path& path, const Source& source,
                                                  const CacheOrigin& wanted, int64_t max_length) {
  if (!fs::exists(path)) return nullptr;
  OpenedCache cache = open_cache(path, source.name, max_length);
  if (!cache.dataset) {
    log_warning("{}: {}; preparing the data set again", path.string(), cache.damage);
    return nullptr;
  }
  const CacheOrigin& found = cache.dataset->origin();
  if (found.settings_hash != wanted.settings_hash) return nullptr;
  if (found.stamps != wanted.stamps && found.raw_hash != hash_of(source.files)) {
    log_info("{}: the raw files changed; preparing the data set again", source.name);
    return nullptr;
  }
  return std::move(cache.dataset);
}

// By item: its place in the order of raw ids, numbers before texts and by value.
std::vector<int32_t> rank_by_key(const KeyTable& keys, const std::vector<int32_t>& old_ids) {
  const auto number_of = [](std::string_view key) -> std::optional<uint64_t> {
    uint64_t number = 0;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), number);
    if (error != std::errc() || end != key.data() + key.size()) return std::nullopt;
    return number;
  };
  const auto before = [&](int32_t a, int32_t b) {
    const std::string_view left = keys.key(old_ids[static_cast<size_t>(a)]);
    const std::string_view right = keys.key(old_ids[static_cast<size_t>(b)]);
    const auto left_number = number_of(left), right_number = number_of(right);
    if (left_number.has_value() != right_number.has_value()) return left_number.has_value();
    if (left_number != right_number) return left_number < right_number;
    return left < right;
  };
  std::vector<int32_t> order(old_ids.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), before);
  std::vector<int32_t> rank(order.size());
  for (size_t i = 0; i < order.size(); ++i) {
    rank[static_cast<size_t>(order[i])] = static_cast<int32_t>(i);
  }
  return rank;
}

TextColumn keys_in_order(const KeyTable& keys, const std::vector<int32_t>& old_ids) {
  TextColumn column;
  column.ends.reserve(old_ids.size());
  for (const int32_t id : old_ids) column.add(to_utf8(keys.key(id)));
  return column;
}

int64_t short_users(const InteractionTable& table) {
  std::vector<int32_t> counts(static_cast<size_t>(table.user_keys().size()));
  for (const int32_t user : table.user) ++counts[static_cast<size_t>(user)];
  return std::count_if(counts.begin(), counts.end(),
                       [](int32_t count) { return count < kShortestHistory; });
}

PreparedData prepare(const Source& source, const PrepareSettings& settings, Stages& stages) {
  PreparedData data;
  InteractionTable table;
  data.preparation.malformed_rows = source.interactions(table, settings.malformed_share);
  stages.done("read");
  data.preparation.raw_users = table.user_keys().size();
  data.preparation.raw_items = table.item_keys().size();
  data.preparation.raw_interactions = table.size();
  data.preparation.short_users = short_users(table);
  data.preparation.ties = settings.ties;
  keep_core(table, {.user = std::max(settings.core, kShortestHistory), .item = settings.core});
  if (table.size() == 0) {
    throw_input(
        "{}: nothing is left: no part of its {} interactions of {} users and {} items has {} of "
        "every user and item; choose a smaller 'core' or take more data",
        source.name, human_count(data.preparation.raw_interactions),
        human_count(data.preparation.raw_users), human_count(data.preparation.raw_items),
        settings.core);
  }
  stages.done("core");
  const Renumbering users = renumber(table.user, table.user_keys().size());
  const Renumbering items = renumber(table.item, table.item_keys().size());
  TitleTable titles(table.item_keys(), items.new_id, std::ssize(items.old_id));
  if (source.titles) source.titles(titles, settings.malformed_share);
  for (const std::string& title : titles.titles()) data.titles.add(title);
  data.item_keys = keys_in_order(table.item_keys(), items.old_id);
  data.user_keys = keys_in_order(table.user_keys(), users.old_id);
  stages.done("titles and ids");
  std::vector<int32_t> rank;
  if (settings.ties == TieRule::ItemKey) rank = rank_by_key(table.item_keys(), items.old_id);
  data.sequences = order_by_time(table, std::ssize(users.old_id), rank);
  stages.done("order");
  return data;
}

void log_outcome(const Source& source, const PreparedData& data, const Stages& stages) {
  const Preparation& raw = data.preparation;
  log_info("{}: kept {} of {} users, {} of {} items, {} of {} interactions ({})", source.name,
           human_count(std::ssize(data.user_keys.ends)), human_count(raw.raw_users),
           human_count(std::ssize(data.item_keys.ends)), human_count(raw.raw_items),
           human_count(std::ssize(data.sequences.items)), human_count(raw.raw_interactions),
           stages.text());
  if (raw.short_users > 0) {
    log_info("{}: {} users had fewer than {} interactions", source.name,
             human_count(raw.short_users), kShortestHistory);
  }
}

void write(const fs::path& path, const CacheOrigin& origin, const PreparedData& data) {
  try {
    write_cache(path, origin, data);
  } catch (const Error& error) {
    throw Error(error.fault(),
                fmt::format("{}; make room there, or set SEQSWEEP_CACHE to a folder elsewhere",
                            error.what()));
  }
}

void build(const fs::path& path, const Source& source, const PrepareSettings& settings,
           CacheOrigin origin) {
  log_info("{}: preparing {}", source.name, path.string());
  Stages stages;
  std::future<std::string> hash =
      std::async(std::launch::async, [&source] { return hash_of(source.files); });
  const PreparedData data = prepare(source, settings, stages);
  origin.raw_hash = hash.get();
  if (stamps_of(source.files) != origin.stamps) {
    throw_input("{}: its raw files changed while they were read: try again when they rest",
                source.name);
  }
  write(path, origin, data);
  stages.done("write");
  log_outcome(source, data, stages);
}

}  // namespace

std::shared_ptr<const CachedDataset> open_or_prepare(const Source& source,
                                                     const PrepareSettings& settings,
                                                     const fs::path& data_dir) {
  const CacheOrigin origin{.settings_hash = settings_hash(source, settings),
                           .stamps = stamps_of(source.files)};
  const std::string file =
      fmt::format("{}-{}.cache", source.name, origin.settings_hash.substr(0, kNameDigits));
  const std::vector<fs::path> folders = cache_folders(data_dir);
  for (const fs::path& folder : folders) {
    if (auto found = open_current(folder / file, source, origin, settings.max_length)) return found;
  }
  const fs::path path = writable_folder(folders) / file;
  const FileLock lock(path.string() + ".lock");
  if (auto found = open_current(path, source, origin, settings.max_length)) return found;
  build(path, source, settings, origin);
  OpenedCache cache = open_cache(path, source.name, settings.max_length);
  if (!cache.dataset) throw_world("{}: {} right after it was written", path.string(), cache.damage);
  return std::move(cache.dataset);
}

DatasetStatistics statistics_of(const Dataset& dataset) {
  const auto users = static_cast<double>(dataset.users());
  const auto items = static_cast<double>(dataset.items());
  const auto interactions = static_cast<double>(dataset.interactions());
  return {.users = dataset.users(),
          .items = dataset.items(),
          .interactions = dataset.interactions(),
          .mean_length = interactions / users,
          .density = interactions / (users * items)};
}

}  // namespace seqsweep
