#include "core/train/packing.h"

#include <algorithm>

#include "core/base/check.h"

namespace seqsweep {

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
  // Both in one tensor: one copy to a GPU.
  const torch::Tensor items_positions_2T = torch::empty({2, tokens}, torch::kInt64);
  int64_t* items = items_positions_2T.data_ptr<int64_t>();
  int64_t* positions = items + tokens;
  for (size_t s = 0; s < histories.size(); ++s) {
    const int64_t length = packed.host_offsets[s + 1] - packed.host_offsets[s];
    items = std::ranges::copy(histories[s].last(length), items).out;
    for (int64_t i = 0; i < length; ++i) *positions++ = i;
  }
  const torch::Tensor on_device = items_positions_2T.to(device);
  packed.items_T = on_device[0];
  packed.positions_T = on_device[1];
  packed.offsets_S1 = torch::tensor(packed.host_offsets, torch::kInt32).to(device);
  return packed;
}

torch::Tensor last_tokens(const PackedSequences& sequences) {
  const std::vector<int32_t>& offsets = sequences.host_offsets;
  const int64_t count = static_cast<int64_t>(offsets.size()) - 1;
  const torch::Tensor last_S = torch::empty({count}, torch::kInt64);
  int64_t* last = last_S.data_ptr<int64_t>();
  for (int64_t s = 0; s < count; ++s) {
    SEQ_CHECK(offsets[s] < offsets[s + 1]);
    last[s] = offsets[s + 1] - 1;
  }
  return last_S.to(sequences.items_T.device());
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
