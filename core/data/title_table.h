// Titles of the items that are kept, collected while an item file is read.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/data/key_table.h"

namespace seqsweep {

class TitleTable {
 public:
  // `new_ids`: for every key of `items` its final item id, or KeyTable::kAbsent. Both are borrowed.
  TitleTable(const KeyTable& items, std::span<const int32_t> new_ids, int64_t kept)
      : items_(items), new_ids_(new_ids), titles_(static_cast<size_t>(kept)) {}

  // Items that are not kept are passed over; of several titles of an item the first counts.
  void add(std::string_view item, std::string_view title);
  const std::vector<std::string>& titles() const { return titles_; }  // "" where unknown; UTF-8.

 private:
  const KeyTable& items_;
  std::span<const int32_t> new_ids_;
  std::vector<std::string> titles_;
};

}  // namespace seqsweep
