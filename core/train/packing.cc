#include "core/train/packing.h"

#include <algorithm>
#include <cstring>

#include "core/base/check.h"

namespace seqsweep {

torch::Tensor room_for(int64_t numbers, torch::Device device) {
  return torch::empty({numbers},
                      torch::TensorOptions(torch::kInt64).pinned_memory(device.is_cuda()));
}

torch::Tensor sent(const torch::Tensor& room, torch::Device device) {
  return room.to(device, /*non_blocking=*/true);
}

torch::Tensor sent(std::span<const int64_t> numbers, torch::Device device) {
  const torch::Tensor room = room_for(std::ssize(numbers), device);
  std::ranges::copy(numbers, room.data_ptr<int64_t>());
  return sent(room, device);
}

PackedSequences pack(std::span<const History> histories, int64_t max_length, torch::Device device) {
  PackedSequences packed;
  packed.host_offsets.reserve(histories.size() + 1);
  packed.host_offsets.push_back(0);
  for (const History& history : histories) {
    const int64_t length = std::min<int64_t>(static_cast<int64_t>(history.size()), max_length);
    packed.host_offsets.push_back(packed.host_offsets.back() + static_cast<int32_t>(length));
    packed.max_length = std::max(packed.max_length, length);
  }
  const int64_t tokens = packed.host_offsets.back();
  // All in one tensor, the offsets two to a number: one copy to a GPU.
  const int64_t bounds = std::ssize(packed.host_offsets);
  const torch::Tensor room = room_for(2 * tokens + (bounds + 1) / 2, device);
  int64_t* items = room.data_ptr<int64_t>();
  int64_t* positions = items + tokens;
  std::memcpy(positions + tokens, packed.host_offsets.data(), bounds * sizeof(int32_t));
  for (size_t s = 0; s < histories.size(); ++s) {
    const int64_t length = packed.host_offsets[s + 1] - packed.host_offsets[s];
    items = std::ranges::copy(histories[s].last(length), items).out;
    for (int64_t i = 0; i < length; ++i) *positions++ = i;
  }
  const torch::Tensor there = sent(room, device);
  packed.items_T = there.narrow(0, 0, tokens);
  packed.positions_T = there.narrow(0, tokens, tokens);
  packed.offsets_S1 =
      there.narrow(0, 2 * tokens, (bounds + 1) / 2).view(torch::kInt32).narrow(0, 0, bounds);
  return packed;
}

void check_not_empty(const PackedSequences& sequences) {
  const std::vector<int32_t>& offsets = sequences.host_offsets;
  for (size_t s = 0; s + 1 < offsets.size(); ++s) SEQ_CHECK(offsets[s] < offsets[s + 1]);
}

torch::Tensor last_tokens(const PackedSequences& sequences) {
  check_not_empty(sequences);
  return sequences.offsets_S1.slice(0, 1).to(torch::kInt64) - 1;
}

std::vector<Window> training_windows(int64_t items, int64_t max_length, int64_t stride) {
  SEQ_CHECK(1 <= stride && stride <= max_length);
  std::vector<Window> windows;
  const int64_t inputs = items - 1;  // The last item has no target.
  int64_t covered = 0;
  while (covered < inputs) {
    const int64_t end = std::min(inputs, covered == 0 ? max_length : covered + stride);
    const int64_t begin = std::max<int64_t>(0, end - max_length);
    windows.push_back(
        {static_cast<int32_t>(begin), static_cast<int32_t>(end), static_cast<int32_t>(covered)});
    covered = end;
  }
  return windows;
}

}  // namespace seqsweep
