#include "core/data/k_core.h"

namespace seqsweep {
namespace {

std::vector<int32_t> count(const std::vector<int32_t>& column, int64_t ids) {
  std::vector<int32_t> counts(static_cast<size_t>(ids));
  for (const int32_t id : column) ++counts[static_cast<size_t>(id)];
  return counts;
}

}  // namespace

void keep_core(InteractionTable& table, CoreMinimum minimum) {
  std::vector<int32_t> user_count = count(table.user, table.user_keys().size());
  std::vector<int32_t> item_count = count(table.item, table.item_keys().size());
  const bool ratings = !table.rating.empty();
  const bool times = !table.time_us.empty();
  size_t rows = table.user.size();
  while (true) {
    size_t kept = 0;
    for (size_t i = 0; i < rows; ++i) {
      int32_t& of_user = user_count[static_cast<size_t>(table.user[i])];
      int32_t& of_item = item_count[static_cast<size_t>(table.item[i])];
      if (of_user < minimum.user || of_item < minimum.item) {
        --of_user;
        --of_item;
        continue;
      }
      if (kept != i) {
        table.user[kept] = table.user[i];
        table.item[kept] = table.item[i];
        if (ratings) table.rating[kept] = table.rating[i];
        if (times) table.time_us[kept] = table.time_us[i];
      }
      ++kept;
    }
    if (kept == rows) break;
    rows = kept;
  }
  table.user.resize(rows);
  table.item.resize(rows);
  if (ratings) table.rating.resize(rows);
  if (times) table.time_us.resize(rows);
}

Renumbering renumber(std::vector<int32_t>& column, int64_t old_ids) {
  Renumbering ids;
  ids.new_id.assign(static_cast<size_t>(old_ids), KeyTable::kAbsent);
  for (int32_t& id : column) {
    int32_t& new_id = ids.new_id[static_cast<size_t>(id)];
    if (new_id == KeyTable::kAbsent) {
      new_id = static_cast<int32_t>(ids.old_id.size());
      ids.old_id.push_back(id);
    }
    id = new_id;
  }
  return ids;
}

}  // namespace seqsweep
