#include "core/data/interaction_table.h"

#include <limits>

#include "core/base/error.h"

namespace seqsweep {
namespace {

constexpr size_t kBatchBytes = size_t{1} << 16;
constexpr size_t kLongestKey = kBatchBytes / 2;

}  // namespace

void InteractionTable::add(const Interaction& row) {
  const size_t bytes = row.user.size() + row.item.size();
  if (row.user.size() > kLongestKey || row.item.size() > kLongestKey) {
    throw_input("an id of {} bytes: ids are at most {} bytes long",
                std::max(row.user.size(), row.item.size()), kLongestKey);
  }
  if (batch_users_.size() == KeyTable::kBatch || batch_bytes_.size() + bytes > kBatchBytes) flush();
  if (batch_bytes_.capacity() < kBatchBytes) batch_bytes_.reserve(kBatchBytes);
  const auto keep = [&](std::string_view key) {
    batch_bytes_.append(key);
    return std::string_view(batch_bytes_).substr(batch_bytes_.size() - key.size());
  };
  batch_users_.push_back(keep(row.user));
  batch_items_.push_back(keep(row.item));
  if (traits_.ratings) rating.push_back(row.rating);
  if (traits_.times != Times::None) time_us.push_back(row.time_us);
}

void InteractionTable::flush() {
  const size_t rows = user.size();
  const size_t batch = batch_users_.size();
  if (rows + batch > std::numeric_limits<uint32_t>::max()) {
    throw_input("more than {} interactions", std::numeric_limits<uint32_t>::max());
  }
  user.resize(rows + batch);
  item.resize(rows + batch);
  user_keys_.intern(batch_users_, std::span(user).subspan(rows));
  item_keys_.intern(batch_items_, std::span(item).subspan(rows));
  batch_users_.clear();
  batch_items_.clear();
  batch_bytes_.clear();
}

}  // namespace seqsweep
