// Any file of one interaction a row, and titles from a second one; the columns are found by name.
#include <optional>

#include "core/base/error.h"
#include "core/data/delimited.h"
#include "core/data/prepare.h"
#include "core/data/registry.h"

namespace seqsweep {
namespace {

struct CsvConfig : PrepareSettings {
  std::string path, titles_path;
  std::string separator = ",";
  std::optional<std::string> user, item, rating, timestamp, title;
  std::vector<std::string> columns, title_columns;
  TimeUnit time_unit = TimeUnit::Seconds;

  void fields(auto&& field) {
    field("path", path, "a file of rows, plain or .gz");
    field("titles_path", titles_path, "a file with an item and a title a row");
    field("separator", separator, "what stands between the fields, in both files");
    field("user", user, "name of the user column; null: user, user_id or userId");
    field("item", item, "name of the item column; null: item, item_id, itemId or parent_asin");
    field("rating", rating, "name of the rating column; null: rating, when there is one");
    field("timestamp", timestamp, "name of the time column; null: timestamp, when there is one");
    field("title", title, "name of the title column; null: title");
    field("columns", columns, "column names of a file without a header line");
    field("title_columns", title_columns, "column names of a titles file without a header line");
    field("time_unit", time_unit, "unit of the time column");
    PrepareSettings::fields(field);
  }
};

DelimitedColumn column(const std::optional<std::string>& chosen, std::vector<std::string> usual,
                       bool required) {
  if (chosen) return {.names = {*chosen}};
  return {.names = std::move(usual), .required = required};
}

DelimitedColumn item_column(const CsvConfig& config) {
  return column(config.item, {"item", "item_id", "itemId", "parent_asin"}, true);
}

int64_t read_interactions(const CsvConfig& config, double malformed_share,
                          InteractionTable& table) {
  return read_delimited(config.path,
                        {.separator = config.separator, .quotes = true, .columns = config.columns},
                        {.user = column(config.user, {"user", "user_id", "userId"}, true),
                         .item = item_column(config),
                         .rating = column(config.rating, {"rating"}, false),
                         .time = column(config.timestamp, {"timestamp"}, false),
                         .unit = config.time_unit},
                        malformed_share, table);
}

int64_t read_titles(const CsvConfig& config, double malformed_share, TitleTable& table) {
  return read_delimited_titles(
      config.titles_path,
      {.separator = config.separator, .quotes = true, .columns = config.title_columns},
      {.item = item_column(config), .title = column(config.title, {"title"}, true)},
      malformed_share, table);
}

std::shared_ptr<const Dataset> make(const CsvConfig& config, const DatasetContext& context) {
  if (config.path.empty()) throw_input("dataset csv: needs a 'path': a file of rows");
  if (config.separator.empty()) throw_input("dataset csv: the 'separator' is empty");
  Source source{.name = "csv", .files = {config.path}, .reader = to_json(config)};
  source.reader.erase("max_length");  // Decides what a model sees, not what is read.
  source.interactions = [&](InteractionTable& table, double share) {
    return read_interactions(config, share, table);
  };
  if (!config.titles_path.empty()) {
    source.files.push_back(config.titles_path);
    source.titles = [&](TitleTable& table, double share) {
      return read_titles(config, share, table);
    };
  }
  return open_or_prepare(source, config, context.data_dir);
}

const RegisterDataset<CsvConfig> kCsv{"csv", "rows with named columns, by path", make};

}  // namespace
}  // namespace seqsweep
