// What a reader delivered, as text that a test can compare.
#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

#include "core/data/interaction_table.h"
#include "core/data/title_table.h"

namespace seqsweep {

// "user item rating time_us" of every row, without what the source does not know.
inline std::vector<std::string> rows_of(const InteractionTable& table) {
  std::vector<std::string> rows;
  for (size_t i = 0; i < table.user.size(); ++i) {
    rows.push_back(fmt::format("{} {}", table.user_keys().key(table.user[i]),
                               table.item_keys().key(table.item[i])));
    if (!table.rating.empty()) rows.back() += fmt::format(" {}", table.rating[i]);
    if (!table.time_us.empty()) rows.back() += fmt::format(" {}", table.time_us[i]);
  }
  return rows;
}

// Titles of these items, all of them kept, as `read` collects them.
template <typename Read>
std::vector<std::string> titles_of(const std::vector<std::string>& items, Read&& read) {
  KeyTable keys;
  std::vector<int32_t> ids;
  for (const std::string& item : items) ids.push_back(keys.intern(item));
  TitleTable titles(keys, ids, std::ssize(ids));
  read(titles);
  return titles.titles();
}

}  // namespace seqsweep
