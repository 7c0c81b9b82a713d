#include "kernels/continued_attention.h"

#include <ATen/Parallel.h>
#include <c10/core/DeviceGuard.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/base/error.h"
#include "kernels/checks.h"
#include "kernels/continued_attention_cuda.h"
#include "kernels/cuda_plugin.h"
#include "kernels/packed_rows.h"
#include "kernels/row_math.h"

namespace seqsweep {

ContinuedAttentionCuda continued_attention_cuda;

namespace {

using at::Tensor;

constexpr const char* kName = "continued_attention";

// Keys and values of the tokens that a row sees, in two pieces.
template <typename T>
struct SeenTokens {
  const T* k[2];
  const T* v[2];
  int64_t count[2];
  int64_t stride;  // Numbers from token to token.
};

// weights: room for a score of each token. The sum is in the order of the tokens.
template <typename T>
void attend(const T* q, const SeenTokens<T>& seen, int64_t width, T scale, T* weights, T* out) {
  T* next = weights;
  for (int piece = 0; piece < 2; ++piece) {
    for (int64_t t = 0; t < seen.count[piece]; ++t) {
      *next++ = row_dot(q, seen.k[piece] + t * seen.stride, width);
    }
  }
  const int64_t count = next - weights;
  const T shift = scale * row_max(weights, count);
  const T sum = row_exp_sum(weights, count, scale, shift);
  std::fill_n(out, width, T(0));
  next = weights;
  for (int piece = 0; piece < 2; ++piece) {
    for (int64_t t = 0; t < seen.count[piece]; ++t, ++next) {
      const T* v = seen.v[piece] + t * seen.stride;
      const T weight = *next / sum;
      for (int64_t p = 0; p < width; ++p) out[p] += weight * v[p];
    }
  }
}

template <typename T>
Tensor forward_cpu(const ContinuedAttentionInputs& in) {
  const int64_t rows = in.q_RHP.size(0), heads = in.q_RHP.size(1), width = in.q_RHP.size(2);
  const int64_t groups = in.prompt_k_TGP.size(1), of_group = heads / groups;
  const Tensor q = in.q_RHP.contiguous(), out = at::empty_like(q);
  const T *q_data = q.data_ptr<T>(), *prompt_k = in.prompt_k_TGP.data_ptr<T>(),
          *prompt_v = in.prompt_v_TGP.data_ptr<T>(), *written_k = in.written_k_RLGP.data_ptr<T>(),
          *written_v = in.written_v_RLGP.data_ptr<T>();
  const auto* offsets = in.offsets_S1.data_ptr<int32_t>();
  const auto* prompt_of = in.prompt_R.data_ptr<int64_t>();
  T* out_data = out.data_ptr<T>();
  const int64_t row_stride = in.written_k_RLGP.stride(0);
  const T scale = static_cast<T>(1.0 / std::sqrt(static_cast<double>(width)));
  at::parallel_for(0, rows * groups, 1, [&](int64_t begin, int64_t end) {
    std::vector<T> weights;
    for (int64_t i = begin; i < end; ++i) {
      const int64_t row = i / groups, group = i % groups, prompt = prompt_of[row];
      const int64_t first = offsets[prompt], read = offsets[prompt + 1] - first;
      const int64_t stride = groups * width;
      const int64_t in_prompt = first * stride + group * width;
      const int64_t in_row = row * row_stride + group * width;
      const SeenTokens<T> seen{.k = {prompt_k + in_prompt, written_k + in_row},
                               .v = {prompt_v + in_prompt, written_v + in_row},
                               .count = {read, in.written},
                               .stride = stride};
      weights.resize(read + in.written);
      for (int64_t h = group * of_group; h < (group + 1) * of_group; ++h) {
        const int64_t at = (row * heads + h) * width;
        attend(q_data + at, seen, width, scale, weights.data(), out_data + at);
      }
    }
  });
  return out;
}

int64_t divided_up(int64_t x, int64_t by) {
  return (x + by - 1) / by;
}

// About as many tiles of tokens for each block as leave every multiprocessor some blocks.
ContinuedParts parts_of(const ContinuedAttentionInputs& in) {
  constexpr int64_t kBlocks = 512;
  const int64_t rows = in.q_RHP.size(0), groups = in.prompt_k_TGP.size(1);
  const int64_t of_group = std::max<int64_t>(in.q_RHP.size(1) / groups, 1);
  const int64_t prompts = std::max<int64_t>(in.offsets_S1.numel() - 1, 1);
  const int64_t rows_a_prompt = divided_up(rows, prompts);
  const int64_t together = rows_a_prompt * of_group;
  const int64_t queries = together <= 8 ? 8 : together <= 32 ? 32 : kContinuedTokens;
  const int64_t rows_a_block =
      std::clamp<int64_t>(queries / std::min(of_group, queries), 1, rows_a_prompt);
  const auto parts = [&](int64_t tokens, int64_t blocks) {
    const int64_t tiles = std::max<int64_t>(divided_up(tokens, kContinuedTokens), 1);
    const int64_t a_block = std::max<int64_t>(tiles * blocks / kBlocks, 1);
    return static_cast<int>(divided_up(tiles, a_block));
  };
  const int64_t tokens_a_prompt = divided_up(in.prompt_k_TGP.size(0), prompts);
  return {.queries = static_cast<int>(queries),
          .rows = static_cast<int>(rows_a_block),
          .prompt = parts(tokens_a_prompt, divided_up(rows, rows_a_block) * groups),
          .written = parts(in.written, rows * groups)};
}

Tensor forward_cuda(const ContinuedAttentionInputs& in) {
  const c10::DeviceGuard on(in.q_RHP.device());
  const int64_t width = in.q_RHP.size(2);
  if (width > kContinuedHeadWidthMax) {
    throw_run("{}: on CUDA a head is at most {} numbers wide, is {}", kName, kContinuedHeadWidthMax,
              width);
  }
  const Tensor q = in.q_RHP.contiguous(), out = at::empty_like(q);
  if (q.numel() == 0) return out;
  const ContinuedParts parts = parts_of(in);
  const int64_t rows = q.size(0), heads = q.size(1), all_parts = parts.prompt + parts.written;
  const Tensor sums_NRHP = at::empty({all_parts, rows, heads, width}, q.options());
  const Tensor seen_NRH2 = at::empty({all_parts, rows, heads, 2}, q.options());
  launch_cuda(kName, continued_attention_cuda.forward,
              {.q_RHP = q.data_ptr<float>(),
               .prompt_k_TGP = in.prompt_k_TGP.data_ptr<float>(),
               .prompt_v_TGP = in.prompt_v_TGP.data_ptr<float>(),
               .offsets_S1 = in.offsets_S1.data_ptr<int32_t>(),
               .prompt_R = in.prompt_R.data_ptr<int64_t>(),
               .written_k_RLGP = in.written_k_RLGP.data_ptr<float>(),
               .written_v_RLGP = in.written_v_RLGP.data_ptr<float>(),
               .out_RHP = out.data_ptr<float>(),
               .sums_NRHP = sums_NRHP.data_ptr<float>(),
               .seen_NRH2 = seen_NRH2.data_ptr<float>(),
               .rows = rows,
               .room = in.written_k_RLGP.size(1),
               .written = in.written,
               .heads = static_cast<int>(heads),
               .groups = static_cast<int>(in.prompt_k_TGP.size(1)),
               .width = static_cast<int>(width),
               .scale = static_cast<float>(1 / std::sqrt(static_cast<double>(width))),
               .parts = parts});
  return out;
}

}  // namespace

Tensor continued_attention(const ContinuedAttentionInputs& in) {
  require_floating(kName, in.q_RHP);
  const int64_t rows = in.q_RHP.size(0), width = in.q_RHP.size(2);
  const int64_t groups = in.prompt_k_TGP.size(1), room = in.written_k_RLGP.size(1);
  require_shape(kName, "prompt_k", in.prompt_k_TGP, {-1, groups, width});
  require_shape(kName, "prompt_v", in.prompt_v_TGP, in.prompt_k_TGP.sizes());
  require_shape(kName, "written_k", in.written_k_RLGP, {rows, room, groups, width});
  require_shape(kName, "written_v", in.written_v_RLGP, {rows, room, groups, width});
  require_shape(kName, "prompt", in.prompt_R, {rows});
  require_offsets(kName, in.offsets_S1, in.prompt_k_TGP);
  for (const Tensor* tensor :
       {&in.prompt_k_TGP, &in.prompt_v_TGP, &in.written_k_RLGP, &in.written_v_RLGP}) {
    require_same_device_and_dtype(kName, in.q_RHP, *tensor);
  }
  ContinuedAttentionInputs dense = in;
  for (Tensor* tensor :
       {&dense.prompt_k_TGP, &dense.prompt_v_TGP, &dense.written_k_RLGP, &dense.written_v_RLGP}) {
    *tensor = tensor->contiguous();
  }
  if (in.q_RHP.is_cuda()) return forward_cuda(dense);
  return in.q_RHP.scalar_type() == at::kDouble ? forward_cpu<double>(dense)
                                               : forward_cpu<float>(dense);
}

Tensor continued_attention_reference(const ContinuedAttentionInputs& in) {
  const int64_t heads = in.q_RHP.size(1), width = in.q_RHP.size(2);
  const int64_t copies = heads / in.prompt_k_TGP.size(1);
  const Tensor offsets = in.offsets_S1.cpu(), prompts = in.prompt_R.cpu();
  const auto* at = offsets.data_ptr<int32_t>();
  std::vector<Tensor> rows;
  for (int64_t r = 0; r < in.q_RHP.size(0); ++r) {
    const int64_t prompt = prompts.data_ptr<int64_t>()[r];
    const auto seen = [&](const Tensor& prompt_TGP, const Tensor& written_RLGP) {
      return at::cat({prompt_TGP.slice(0, at[prompt], at[prompt + 1]),
                      written_RLGP[r].slice(0, 0, in.written)})
          .repeat_interleave(copies, 1)
          .transpose(0, 1);  // [H, tokens, P]
    };
    const Tensor k = seen(in.prompt_k_TGP, in.written_k_RLGP);
    const Tensor v = seen(in.prompt_v_TGP, in.written_v_RLGP);
    const Tensor scores =
        at::matmul(k, in.q_RHP[r].unsqueeze(2)).squeeze(2) / std::sqrt(static_cast<double>(width));
    rows.push_back(at::matmul(scores.softmax(1).unsqueeze(1), v).squeeze(1));
  }
  return at::stack(rows);
}

}  // namespace seqsweep
