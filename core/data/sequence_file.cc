#include "core/data/sequence_file.h"

#include <algorithm>
#include <string_view>

#include "core/data/key_table.h"
#include "core/data/line_reader.h"
#include "core/data/malformed_rows.h"

namespace seqsweep {
namespace {

constexpr std::string_view kSpace = " \t";

// Takes the first word off the text; "" at its end.
std::string_view take_word(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
  const std::string_view word = text.substr(0, text.find_first_of(kSpace));
  text.remove_prefix(word.size());
  return word;
}

}  // namespace

int64_t read_sequences(const std::filesystem::path& path, double malformed_share,
                       InteractionTable& table) {
  table.set_traits({});
  LineReader lines(path);
  MalformedRows malformed(path);
  KeyTable whole_users;  // Users that had a line of several items.
  int64_t rows = 0;
  const auto problem_of = [&](std::string_view rest) -> const char* {
    const std::string_view user = take_word(rest);
    std::string_view item = take_word(rest);
    if (item.empty()) return "no item";
    const std::string_view second = take_word(rest);
    if (!second.empty()) {
      const int64_t before = whole_users.size();
      whole_users.intern(user);
      if (whole_users.size() == before) return "the user already had a line of several items";
    }
    table.add({.user = user, .item = item});
    for (item = second; !item.empty(); item = take_word(rest)) {
      table.add({.user = user, .item = item});
    }
    return nullptr;
  };
  while (const auto line = lines.next()) {
    ++rows;
    const std::string_view text(line->data(), line->size());
    if (const char* problem = problem_of(text)) malformed.add(lines.line_number(), problem, text);
  }
  malformed.judge(rows, malformed_share);
  table.finish();
  return malformed.count();
}

}  // namespace seqsweep
