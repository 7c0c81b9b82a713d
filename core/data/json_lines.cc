#include "core/data/json_lines.h"

#include <simdjson.h>

#include "core/data/line_reader.h"
#include "core/data/malformed_rows.h"
#include "core/data/numbers.h"

namespace seqsweep {
namespace {

namespace ondemand = simdjson::ondemand;
static_assert(LineReader::kPadding >= simdjson::SIMDJSON_PADDING);

// Calls `use` with every object; it returns what is wrong with it, or nullptr.
template <typename Use>
int64_t for_each_object(const std::filesystem::path& path, double malformed_share, Use&& use) {
  LineReader lines(path);
  MalformedRows malformed(path);
  ondemand::parser parser;
  int64_t rows = 0;
  while (const auto line = lines.next()) {
    ++rows;
    const simdjson::padded_string_view text(line->data(), line->size(),
                                            line->size() + LineReader::kPadding);
    ondemand::document document;
    ondemand::object object;
    const bool broken = parser.iterate(text).get(document) || document.get_object().get(object);
    const char* problem = broken ? "not a JSON object" : use(object);
    if (problem) malformed.add(lines.line_number(), problem, {line->data(), line->size()});
  }
  malformed.judge(rows, malformed_share);
  return malformed.count();
}

bool is_missing(simdjson::error_code error) {
  return error == simdjson::NO_SUCH_FIELD || error == simdjson::INCORRECT_TYPE;
}

}  // namespace

int64_t read_json_reviews(const std::filesystem::path& path, double malformed_share,
                          InteractionTable& table) {
  table.set_traits({.ratings = true, .times = Times::Unix});
  const int64_t malformed =
      for_each_object(path, malformed_share, [&](ondemand::object& review) -> const char* {
        Interaction row;
        double rating = 0;
        int64_t time_ms = 0;
        if (review["user_id"].get(row.user) || row.user.empty()) return "no user_id";
        if (review["parent_asin"].get(row.item) || row.item.empty()) return "no parent_asin";
        if (review["rating"].get(rating)) return "no rating";
        if (review["timestamp"].get(time_ms)) return "no timestamp";
        const auto time_us = time_us_of(time_ms, TimeUnit::Milliseconds);
        if (!time_us) return "the timestamp is too large";
        row.rating = static_cast<float>(rating);
        row.time_us = *time_us;
        table.add(row);
        return nullptr;
      });
  table.finish();
  return malformed;
}

int64_t read_json_titles(const std::filesystem::path& path, double malformed_share,
                         TitleTable& table) {
  return for_each_object(path, malformed_share, [&](ondemand::object& product) -> const char* {
    std::string_view item, title;
    if (product["parent_asin"].get(item) || item.empty()) return "no parent_asin";
    const simdjson::error_code error = product["title"].get(title);
    if (error && !is_missing(error)) return "broken JSON";
    table.add(item, title);
    return nullptr;
  });
}

}  // namespace seqsweep
