#include "core/data/delimited.h"

#include <algorithm>
#include <optional>
#include <span>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/data/line_reader.h"
#include "core/data/malformed_rows.h"
#include "core/data/numbers.h"

namespace seqsweep {
namespace {

using Fields = std::span<const std::string_view>;

// Cuts lines into fields; quoted fields are unescaped in place.
class FieldSplitter {
 public:
  explicit FieldSplitter(const DelimitedFormat& format)
      : separator_(format.separator), quotes_(format.quotes) {}

  // Nothing when a quote is not closed. Valid until the next call.
  std::optional<Fields> split(std::span<char> line) {
    fields_.clear();
    char* next = line.data();
    char* end = next + line.size();
    while (true) {
      const bool quoted = quotes_ && next < end && *next == '"';
      const std::optional<std::string_view> rest =
          quoted ? take_quoted(next, end) : take(next, end);
      if (!rest) return std::nullopt;
      if (rest->data() == nullptr) return Fields(fields_);
      next = const_cast<char*>(rest->data());
    }
  }

 private:
  // Both take the field at `next` and return what is after its separator (null data: it was the
  // last).
  std::string_view take(char* next, char* end) {
    const char* const stop = separator_at(next, end);
    fields_.emplace_back(next, stop);
    if (stop == end) return {};
    return {stop + separator_.size(), end};
  }

  // Fields are short: for one character a plain loop is faster than a call of memchr.
  const char* separator_at(const char* next, const char* end) const {
    if (separator_.size() == 1) return std::find(next, end, separator_[0]);
    return std::search(next, end, separator_.begin(), separator_.end());
  }

  std::optional<std::string_view> take_quoted(char* next, char* end) {
    char* const begin = ++next;
    char* out = begin;
    for (; next < end; ++next) {
      if (*next == '"') {
        if (next + 1 == end || next[1] != '"') break;
        ++next;
      }
      *out++ = *next;
    }
    if (next == end) return std::nullopt;
    fields_.emplace_back(begin, out);
    const std::string_view rest(next + 1, end);
    if (rest.empty()) return std::string_view{};
    if (!rest.starts_with(separator_)) return std::nullopt;
    return rest.substr(separator_.size());
  }

  std::string separator_;
  bool quotes_;
  std::vector<std::string_view> fields_;
};

constexpr size_t kNoColumn = static_cast<size_t>(-1);

// Rows of a file with its columns found by name.
class DelimitedReader {
 public:
  DelimitedReader(const std::filesystem::path& path, const DelimitedFormat& format)
      : lines_(path), splitter_(format), malformed_(path), columns_(format.columns) {
    if (columns_.empty()) {
      read_header(format);
      exact_ = true;
    }
  }

  size_t column(const DelimitedColumn& wanted) {
    for (const std::string& name : wanted.names) {
      const auto found = std::find(columns_.begin(), columns_.end(), name);
      if (found == columns_.end()) continue;
      const auto at = static_cast<size_t>(found - columns_.begin());
      needed_ = std::max(needed_, at + 1);
      return at;
    }
    if (!wanted.required || wanted.names.empty()) return kNoColumn;
    throw_input("{}: no column '{}'{} (the file has: {})", lines_.path().string(),
                printable(join(wanted.names, "' or '")),
                did_you_mean(wanted.names.front(), columns_), printable(join(columns_, ", ")));
  }

  int64_t expected_rows() const { return lines_.expected_lines(); }

  // Calls `use` with the fields of every row; it returns what is wrong with them, or nullptr.
  // Returns the number of malformed rows.
  template <typename Use>
  int64_t for_each_row(double malformed_share, Use&& use) {
    int64_t rows = 0;
    while (const auto line = lines_.next()) {
      ++rows;
      const std::optional<Fields> fields = splitter_.split(*line);
      const char* problem = fields ? problem_of(*fields) : "a quote is not closed";
      if (!problem) problem = use(*fields);
      if (problem) malformed_.add(lines_.line_number(), problem, {line->data(), line->size()});
    }
    malformed_.judge(rows, malformed_share);
    return malformed_.count();
  }

 private:
  void read_header(const DelimitedFormat& format) {
    const auto line = lines_.next();
    if (!line) throw_input("{}: the file is empty", lines_.path().string());
    const auto fields = splitter_.split(*line);
    if (!fields) throw_input("{}:1: a quote is not closed", lines_.path().string());
    for (const std::string_view field : *fields) {
      columns_.push_back(
          to_utf8(field.substr(0, format.typed_header ? field.rfind(':') : field.npos)));
    }
  }

  const char* problem_of(Fields fields) const {
    if (fields.size() < (exact_ ? columns_.size() : needed_)) return "too few fields";
    if (exact_ && fields.size() > columns_.size()) return "too many fields";
    return nullptr;
  }

  LineReader lines_;
  FieldSplitter splitter_;
  MalformedRows malformed_;
  std::vector<std::string> columns_;
  bool exact_ = false;  // Rows have as many fields as the header.
  size_t needed_ = 0;
};

}  // namespace

int64_t read_delimited(const std::filesystem::path& path, const DelimitedFormat& format,
                       const InteractionColumns& columns, double malformed_share,
                       InteractionTable& table) {
  DelimitedReader reader(path, format);
  const size_t user = reader.column(columns.user), item = reader.column(columns.item);
  const size_t rating = reader.column(columns.rating), time = reader.column(columns.time);
  table.set_traits(
      {.ratings = rating != kNoColumn, .times = time == kNoColumn ? Times::None : columns.times});
  table.expect(reader.expected_rows());
  const int64_t malformed = reader.for_each_row(malformed_share, [&](Fields fields) -> const char* {
    Interaction row{.user = fields[user], .item = fields[item]};
    if (row.user.empty()) return "no user";
    if (row.item.empty()) return "no item";
    if (rating != kNoColumn) {
      const auto number = parse_rating(fields[rating]);
      if (!number) return "the rating is not a number";
      row.rating = *number;
    }
    if (time != kNoColumn) {
      const auto us = parse_time_us(fields[time], columns.unit);
      if (!us) return "the time is not a number";
      row.time_us = *us;
    }
    table.add(row);
    return nullptr;
  });
  table.finish();
  return malformed;
}

int64_t read_delimited_titles(const std::filesystem::path& path, const DelimitedFormat& format,
                              const TitleColumns& columns, double malformed_share,
                              TitleTable& table) {
  DelimitedReader reader(path, format);
  const size_t item = reader.column(columns.item), title = reader.column(columns.title);
  if (title == kNoColumn) return 0;
  return reader.for_each_row(malformed_share, [&](Fields fields) -> const char* {
    if (fields[item].empty()) return "no item";
    table.add(fields[item], fields[title]);
    return nullptr;
  });
}

}  // namespace seqsweep
