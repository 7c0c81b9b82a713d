#include "core/data/interaction_table.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "core/base/error.h"

namespace seqsweep {
namespace {

constexpr size_t kBatchRows = size_t{1} << 15;
constexpr size_t kBatchBytes = size_t{1} << 20;
constexpr size_t kLongestKey = size_t{1} << 15;

}  // namespace

void InteractionTable::expect(int64_t rows) {
  constexpr int64_t kMost = 100'000'000;  // A wrong guess must not cost the address space.
  const auto room = static_cast<size_t>(std::min(rows + rows / 10, kMost));
  user.reserve(room);
  item.reserve(room);
  if (traits_.ratings) rating.reserve(room);
  if (traits_.times != Times::None) time_us.reserve(room);
}

void InteractionTable::add(const Interaction& row) {
  const size_t bytes = row.user.size() + row.item.size();
  if (row.user.size() > kLongestKey || row.item.size() > kLongestKey) {
    throw_input("an id of {} bytes: ids are at most {} bytes long",
                std::max(row.user.size(), row.item.size()), kLongestKey);
  }
  if (batch_.users.size() == kBatchRows || batch_.bytes.size() + bytes > kBatchBytes) flush();
  if (batch_.bytes.capacity() < kBatchBytes) batch_.bytes.reserve(kBatchBytes);
  const auto keep = [&](std::string_view key) {
    batch_.bytes.append(key);
    return std::string_view(batch_.bytes).substr(batch_.bytes.size() - key.size());
  };
  batch_.users.push_back(keep(row.user));
  batch_.items.push_back(keep(row.item));
  if (traits_.ratings) rating.push_back(row.rating);
  if (traits_.times != Times::None) time_us.push_back(row.time_us);
}

void InteractionTable::flush() {
  Batch spare;
  if (interning_.valid()) spare = interning_.get();
  const size_t rows = user.size();
  const size_t all = rows + batch_.users.size();
  if (all > std::numeric_limits<uint32_t>::max()) {
    throw_input("more than {} interactions", std::numeric_limits<uint32_t>::max());
  }
  user.resize(all);
  item.resize(all);
  interning_ = std::async(std::launch::async, [this, rows, batch = std::move(batch_)]() mutable {
    user_keys_.intern(batch.users, std::span(user).subspan(rows));
    item_keys_.intern(batch.items, std::span(item).subspan(rows));
    batch.bytes.clear();
    batch.users.clear();
    batch.items.clear();
    return std::move(batch);
  });
  batch_ = std::move(spare);
}

void InteractionTable::finish() {
  flush();
  interning_.get();
  batch_ = {};
}

}  // namespace seqsweep
