#include "kernels/embed_and_norm.h"

#include <ATen/Parallel.h>
#include <c10/core/DeviceGuard.h>
#include <torch/types.h>

#include <algorithm>

#include "core/base/error.h"
#include "kernels/checks.h"
#include "kernels/cuda_plugin.h"
#include "kernels/embed_and_norm_cuda.h"
#include "kernels/embed_and_norm_numbers.h"
#include "kernels/transpose.h"

namespace seqsweep {

EmbedAndNormCuda embed_and_norm_cuda;

namespace {

using at::Tensor;

constexpr const char* kEmbedAndNorm = "embed_and_norm";

// On the CPU, where it costs nothing, also that they are in [0, count).
void require_ids(const char* op, const char* name, const Tensor& ids_T, int64_t count,
                 c10::Device device) {
  if (ids_T.scalar_type() != at::kLong || ids_T.device() != device) {
    throw_run("{}: {} must be int64 on {}; they are {} on {}", op, name, device.str(),
              c10::toString(ids_T.scalar_type()), ids_T.device().str());
  }
  if (!ids_T.is_cpu()) return;
  const Tensor dense = ids_T.contiguous();
  const int64_t* const ids = dense.data_ptr<int64_t>();
  for (int64_t t = 0; t < dense.numel(); ++t) {
    if (ids[t] >= 0 && ids[t] < count) continue;
    throw_run("{}: {} must be in [0, {}); one is {}", op, name, count, ids[t]);
  }
}

Tensor embed_and_norm_cuda_forward(const EmbedAndNormInputs& in) {
  const c10::DeviceGuard on(in.table_VD.device());
  HeldNumbers held;
  const EmbedAndNormNumbers numbers = numbers_of(in, held);
  const int64_t tokens = in.items_T.numel();
  const Tensor out_TD = at::empty({tokens, numbers.width}, in.table_VD.options());
  launch_cuda(kEmbedAndNorm, embed_and_norm_cuda.forward,
              EmbedAndNormParams{.table_VD = numbers.table,
                                 .positions_LD = numbers.positions,
                                 .items_T = numbers.items,
                                 .positions_T = numbers.position_of,
                                 .weight_D = numbers.weight,
                                 .bias_D = numbers.bias,
                                 .out_TD = out_TD.data_ptr<float>(),
                                 .tokens = tokens,
                                 .width = static_cast<int>(numbers.width),
                                 .eps = numbers.eps});
  return out_TD;
}

}  // namespace

void check_embed_and_norm(const char* op, const EmbedAndNormInputs& in) {
  const int64_t width = in.weight_D.numel(), tokens = in.items_T.numel();
  const auto require = [&](const char* name, const Tensor& tensor, at::IntArrayRef sizes) {
    require_shape(op, name, tensor, sizes);
    require_same_device_and_dtype(op, in.table_VD, tensor);
  };
  require("table", in.table_VD, {-1, width});
  require("weight", in.weight_D, {width});
  require("bias", in.bias_D, {width});
  require_shape(op, "items", in.items_T, {tokens});
  require_ids(op, "items", in.items_T, in.table_VD.size(0), in.table_VD.device());
  if (!in.positions_LD.defined()) return;
  require("the table of positions", in.positions_LD, {-1, width});
  require_shape(op, "positions", in.positions_T, {tokens});
  require_ids(op, "positions", in.positions_T, in.positions_LD.size(0), in.table_VD.device());
}

Tensor embed_and_norm(const EmbedAndNormInputs& in) {
  constexpr int64_t kTokensAtOnce = 4 * kPanelColumns, kTokensAThread = 2048;
  require_float(kEmbedAndNorm, in.table_VD);
  check_embed_and_norm(kEmbedAndNorm, in);
  if (in.table_VD.is_cuda()) return embed_and_norm_cuda_forward(in);
  HeldNumbers held;
  const EmbedAndNormNumbers numbers = numbers_of(in, held);
  const int64_t tokens = in.items_T.numel(), width = numbers.width;
  const Tensor out = at::empty({tokens, width}, in.table_VD.options());
  at::parallel_for(0, tokens, kTokensAThread, [&](int64_t begin, int64_t end) {
    Panel x_DC(width, kTokensAtOnce);
    for (int64_t first = begin; first < end; first += kTokensAtOnce) {
      const int64_t count = std::min(kTokensAtOnce, end - first);
      embed_columns(numbers, panel_ops(), first, count, x_DC.rows());
      transpose<float>(width, count, x_DC.right(), {out.data_ptr<float>() + first * width, width});
    }
  });
  return out;
}

Tensor embed_and_norm_reference(const EmbedAndNormInputs& in) {
  check_embed_and_norm("embed_and_norm_reference", in);
  Tensor x_TD = in.table_VD.index_select(0, in.items_T);
  if (in.positions_LD.defined()) x_TD = x_TD + in.positions_LD.index_select(0, in.positions_T);
  return at::layer_norm(x_TD, in.weight_D.sizes(), in.weight_D, in.bias_D, in.eps);
}

}  // namespace seqsweep
