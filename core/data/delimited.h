// Files of one row a line with a separator between the fields: MovieLens, RecBole atomic files,
// CSV. Encodings are told apart per text: UTF-8, else Latin-1.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/data/interaction_table.h"
#include "core/data/numbers.h"
#include "core/data/title_table.h"

namespace seqsweep {

struct DelimitedFormat {
  std::string separator = ",";
  bool quotes = false;        // "a, ""b""" is one field (RFC 4180); a field stays on its line.
  bool typed_header = false;  // RecBole: `user_id:token`.
  std::vector<std::string> columns;  // Of a file without a header line; empty: the first line.
};

struct DelimitedColumn {
  std::vector<std::string>
      names;             // The first that the file has counts; none: it is not looked for.
  bool required = true;  // A file without it is refused; otherwise it is done without.
};

struct InteractionColumns {
  DelimitedColumn user, item, rating, time;
  TimeUnit unit = TimeUnit::Seconds;
  Times times = Times::Unix;  // What the time column means.
};

struct TitleColumns {
  DelimitedColumn item, title;
};

// Both throw Error (Fault::Input): missing columns, no rows, or more than `malformed_share` of the
// rows malformed. A row is malformed when it has other than the header's number of fields (without
// a header: too few), an empty id, or a rating or time that is no number. Both return how many rows
// were malformed and left out.
int64_t read_delimited(const std::filesystem::path& path, const DelimitedFormat& format,
                       const InteractionColumns& columns, double malformed_share,
                       InteractionTable& table);
int64_t read_delimited_titles(const std::filesystem::path& path, const DelimitedFormat& format,
                              const TitleColumns& columns, double malformed_share,
                              TitleTable& table);

}  // namespace seqsweep
