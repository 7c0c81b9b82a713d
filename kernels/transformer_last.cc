#include "kernels/transformer_last.h"

#include <torch/types.h>

#include <algorithm>

#include "core/base/check.h"
#include "core/base/error.h"
#include "kernels/checks.h"
#include "kernels/embed_and_norm_numbers.h"
#include "kernels/norm_and_feed_forward_numbers.h"
#include "kernels/packed_attention.h"
#include "kernels/packed_rows.h"
#include "kernels/transformer_last_cpu.h"

namespace seqsweep {

namespace {

using at::Tensor;

constexpr const char* kTransformerLast = "transformer_last";

void check(const TransformerLastInputs& in) {
  check_embed_and_norm(kTransformerLast, in.embed);
  require_shape(kTransformerLast, "offsets", in.offsets_S1, {-1});
  require_offsets(kTransformerLast, in.offsets_S1, in.embed.items_T);
  const Tensor& table = in.embed.table_VD;
  const int64_t width = table.size(1);
  const auto require = [&](const char* name, const Tensor& tensor, at::IntArrayRef sizes) {
    require_shape(kTransformerLast, name, tensor, sizes);
    require_same_device_and_dtype(kTransformerLast, table, tensor);
  };
  for (const TransformerBlock& block : in.blocks) {
    require("qkv_weight", block.qkv_weight, {3 * width, width});
    require("qkv_bias", block.qkv_bias, {3 * width});
    require("mix_weight", block.mix_weight, {width, width});
    require("mix_bias", block.mix_bias, {width});
    check_norm_and_feed_forward(kTransformerLast, table, block.rest);
  }
  if (in.blocks.empty() || in.heads < 1 || width % in.heads != 0) {
    throw_run("{}: needs a block at least, and heads that divide the width, {}; got {} and {}",
              kTransformerLast, width, in.blocks.size(), in.heads);
  }
}

TransformerNumbers numbers_of(const TransformerLastInputs& in, HeldNumbers& held) {
  TransformerNumbers numbers{.embed = numbers_of(in.embed, held),
                             .blocks = {},
                             .width = in.embed.weight_D.numel(),
                             .heads = in.heads};
  for (const TransformerBlock& block : in.blocks) {
    numbers.blocks.push_back({.qkv = numbers_of(block.qkv_weight, block.qkv_bias, held),
                              .mix = numbers_of(block.mix_weight, block.mix_bias, held),
                              .rest = numbers_of(block.rest, held)});
  }
  return numbers;
}

}  // namespace

Tensor transformer_last(const TransformerLastInputs& in) {
  require_float_on_cpu(kTransformerLast, in.embed.table_VD);
  check(in);
  HeldNumbers held;
  const TransformerNumbers numbers = numbers_of(in, held);
  const Tensor offsets_S1 = in.offsets_S1.contiguous();
  const int32_t* const offsets = offsets_S1.data_ptr<int32_t>();
  const int64_t width = numbers.width;
  const Tensor y = at::empty({offsets_S1.numel() - 1, width}, in.embed.table_VD.options());
  for_runs_of_sequences(offsets_S1, [&](int64_t first, int64_t last, int64_t longest) {
    TransformerLastTask task(numbers, panel_ops(), longest);
    for (int64_t begin = first; begin < last; begin += kPanelColumns) {
      const int64_t end = std::min(begin + kPanelColumns, last);
      for (int64_t s = begin; s < end; ++s) {
        SEQ_CHECK(offsets[s] < offsets[s + 1]);
        task.add(offsets[s], offsets[s + 1] - offsets[s]);
      }
      task.finish(y.data_ptr<float>() + begin * width);
    }
  });
  return y;
}

Tensor transformer_last_reference(const TransformerLastInputs& in) {
  check(in);
  Tensor x_TD = embed_and_norm_reference(in.embed);
  const int64_t width = x_TD.size(1);
  for (const TransformerBlock& block : in.blocks) {
    const auto qkv = at::linear(x_TD, block.qkv_weight, block.qkv_bias)
                         .view({-1, 3, in.heads, width / in.heads})
                         .unbind(1);
    const Tensor attended_TD =
        packed_attention_reference(qkv[0], qkv[1], qkv[2], in.offsets_S1).reshape({-1, width});
    x_TD = norm_and_feed_forward_reference(
        x_TD, at::linear(attended_TD, block.mix_weight, block.mix_bias), block.rest);
  }
  const int64_t sequences = in.offsets_S1.numel() - 1;
  return x_TD.index_select(0, in.offsets_S1.narrow(0, 1, sequences) - 1);
}

}  // namespace seqsweep
