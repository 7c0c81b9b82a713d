#include "kernels/packed_rows.h"

#include <ATen/Parallel.h>
#include <torch/types.h>

#include <algorithm>

#include "core/base/error.h"

namespace seqsweep {

namespace {

constexpr int64_t kCostOfAPart = 1 << 16;  // Below some 20 us a second thread costs what it saves.

}  // namespace

void require_offsets(std::string_view op, const at::Tensor& offsets_S1, const at::Tensor& rows_TC) {
  if (offsets_S1.scalar_type() != at::kInt || offsets_S1.device() != rows_TC.device() ||
      offsets_S1.dim() != 1 || offsets_S1.numel() < 1) {
    throw_run("{}: offsets must be int32 on {}, one dimension, at least one; got {} {} on {}", op,
              rows_TC.device().str(), offsets_S1.numel(), c10::toString(offsets_S1.scalar_type()),
              offsets_S1.device().str());
  }
  if (!offsets_S1.is_cpu()) return;
  const at::Tensor dense = offsets_S1.contiguous();
  const int32_t* at = dense.data_ptr<int32_t>();
  const int64_t sequences = dense.numel() - 1, tokens = rows_TC.size(0);
  if (at[0] == 0 && at[sequences] == tokens && std::is_sorted(at, at + sequences + 1)) return;
  throw_run("{}: offsets must rise from 0 to {} tokens; they go from {} to {}", op, tokens, at[0],
            at[sequences]);
}

at::Tensor with_contiguous_rows(const at::Tensor& tensor_TC) {
  const bool contiguous = tensor_TC.stride(-1) == 1 || tensor_TC.size(-1) <= 1;
  return contiguous ? tensor_TC : tensor_TC.contiguous();
}

WorkParts::WorkParts(const at::Tensor& offsets_S1, int64_t groups, int64_t token_cost) {
  const int32_t* offsets = offsets_S1.data_ptr<int32_t>();
  const int64_t sequences = offsets_S1.numel() - 1;
  const int64_t total = groups * offsets[sequences];
  const int64_t parts =
      std::clamp<int64_t>(total * token_cost / kCostOfAPart, 1, std::max(1, at::get_num_threads()));
  first_.push_back(0);
  int64_t tokens_before = 0;
  for (int64_t s = 0; s < sequences; ++s) {
    const int64_t length = offsets[s + 1] - offsets[s];
    for (int64_t group = 0; group < groups && length > 0; ++group) {
      // A unit belongs to the part that its middle falls into.
      const int64_t part = (2 * tokens_before + length) * parts / (2 * total);
      while (static_cast<int64_t>(first_.size()) <= part) {
        first_.push_back(static_cast<int64_t>(units_.size()));
      }
      units_.push_back({s, group, offsets[s], length});
      tokens_before += length;
    }
  }
  first_.resize(static_cast<size_t>(parts) + 1, static_cast<int64_t>(units_.size()));
}

void WorkParts::run(const Work& work) const {
  at::parallel_for(0, count(), 1, [&](int64_t begin, int64_t end) {
    for (int64_t part = begin; part < end; ++part) {
      work(part, units_.data() + first_[part], units_.data() + first_[part + 1]);
    }
  });
}

void for_runs_of_sequences(const at::Tensor& offsets_S1,
                           const std::function<void(int64_t, int64_t, int64_t)>& work) {
  constexpr int64_t kTokensAThread = 64;
  const int32_t* const offsets = offsets_S1.data_ptr<int32_t>();
  const int64_t sequences = offsets_S1.numel() - 1;
  int64_t longest = 0;
  for (int64_t s = 0; s < sequences; ++s) {
    longest = std::max<int64_t>(longest, offsets[s + 1] - offsets[s]);
  }
  const int64_t tokens = std::max<int64_t>(offsets[sequences], 1);
  at::parallel_for(0, sequences, std::max<int64_t>(1, kTokensAThread * sequences / tokens),
                   [&](int64_t first, int64_t last) { work(first, last, longest); });
}

}  // namespace seqsweep
