// From item ids on the host to what a SequenceModel takes, and how a long history is cut for
// training.
#pragma once

#include <span>
#include <vector>

#include "core/train/model.h"

namespace seqsweep {

// Host memory for numbers (int64) that go to `device` or come from it; pinned where that is a GPU.
// There `sent` only starts the copy: the room may be let go then, but not written again. On the CPU
// `sent` is the room itself.
torch::Tensor room_for(int64_t numbers, torch::Device device);
torch::Tensor sent(const torch::Tensor& room, torch::Device device);
torch::Tensor sent(std::span<const int64_t> numbers, torch::Device device);

// The histories end to end, each cut to its last `max_length` items, with positions from 0.
PackedSequences pack(std::span<const History> histories, int64_t max_length, torch::Device device);

// That no sequence is empty.
void check_not_empty(const PackedSequences& sequences);

// The last token of each sequence, [S] int64 on the sequences' device. No sequence may be empty.
torch::Tensor last_tokens(const PackedSequences& sequences);

// Items [begin, end) of a history; the targets of those from `first_target` on carry loss, where
// the target of an item is the one after it.
struct Window {
  int32_t begin = 0, end = 0, first_target = 0;
  bool operator==(const Window&) const = default;
};

// Windows of at most `max_length` items that train each (prefix, next item) pair of a history of
// `items` items once. The first window carries loss everywhere; a later one at its last `stride`
// items, where the one before it ended: there the context is never shorter than `max_length` -
// `stride` + 1, and a pair costs the model about `max_length` / `stride` items.
std::vector<Window> training_windows(int64_t items, int64_t max_length, int64_t stride);

}  // namespace seqsweep
