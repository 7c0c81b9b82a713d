#include "core/data/title_table.h"

#include "core/base/text.h"
#include "core/data/line_reader.h"

namespace seqsweep {

void TitleTable::add(std::string_view item, std::string_view title) {
  const int32_t key = items_.find(item);
  const int32_t id = key == KeyTable::kAbsent ? key : new_ids_[static_cast<size_t>(key)];
  if (id == KeyTable::kAbsent) return;
  std::string& kept = titles_[static_cast<size_t>(id)];
  if (kept.empty()) kept = to_utf8(trim(title));
}

}  // namespace seqsweep
