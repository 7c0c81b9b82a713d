#include "kernels/packed_attention.h"

#include <c10/core/DeviceGuard.h>
#include <torch/autograd.h>
#include <torch/types.h>

#include "core/base/check.h"
#include "core/base/error.h"
#include "kernels/checks.h"
#include "kernels/counter_random.h"
#include "kernels/cuda_plugin.h"
#include "kernels/packed_attention_cpu.h"
#include "kernels/packed_attention_cuda.h"

namespace seqsweep {

PackedAttentionCuda packed_attention_cuda;

namespace {

using at::Tensor;
using torch::autograd::AutogradContext;

constexpr const char* kPackedAttention = "packed_attention";

HeadsView view(const Tensor& tensor_THP) {
  return {tensor_THP.data_ptr(), tensor_THP.stride(0), tensor_THP.stride(1)};
}

PackedAttentionParams cuda_params(const Tensor& q, const Tensor& k, const Tensor& v,
                                  const Tensor& out, const Tensor& log_sum, const Tensor& offsets,
                                  int64_t max_length, const AttentionOptions& options) {
  return {.q = view(q),
          .k = view(k),
          .v = view(v),
          .out = view(out),
          .log_sum_TH = log_sum.data_ptr<float>(),
          .offsets = offsets.data_ptr<int32_t>(),
          .tokens = q.size(0),
          .sequences = offsets.numel() - 1,
          .max_length = max_length,
          .heads = static_cast<int>(q.size(1)),
          .head_width = static_cast<int>(q.size(2)),
          .scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(q.size(2)))),
          .dropout = options.dropout,
          .seed = options.seed,
          .bf16 = is_bf16(q)};
}

std::array<Tensor, 2> packed_attention_forward_cuda(const Tensor& q, const Tensor& k,
                                                    const Tensor& v, const Tensor& offsets,
                                                    int64_t max_length,
                                                    const AttentionOptions& options) {
  const c10::DeviceGuard on(q.device());
  const Tensor out = at::empty(q.sizes(), q.options());
  const Tensor log_sum = at::empty({q.size(0), q.size(1)}, q.options().dtype(at::kFloat));
  launch_cuda(kPackedAttention, packed_attention_cuda.forward,
              cuda_params(q, k, v, out, log_sum, offsets, max_length, options));
  return {out, log_sum};
}

std::array<Tensor, 3> packed_attention_backward_cuda(const Tensor& q, const Tensor& k,
                                                     const Tensor& v, const Tensor& out,
                                                     const Tensor& log_sum, const Tensor& d_out,
                                                     const Tensor& offsets, int64_t max_length,
                                                     const AttentionOptions& options) {
  const c10::DeviceGuard on(q.device());
  const Tensor d_qkv = at::empty({q.size(0), 3, q.size(1), q.size(2)}, q.options());
  const Tensor d_q = d_qkv.select(1, 0), d_k = d_qkv.select(1, 1), d_v = d_qkv.select(1, 2);
  const Tensor out_dot = at::empty_like(log_sum);
  PackedAttentionParams params = cuda_params(q, k, v, out, log_sum, offsets, max_length, options);
  params.d_q = view(d_q);
  params.d_k = view(d_k);
  params.d_v = view(d_v);
  params.d_out = view(d_out);
  params.out_dot_TH = out_dot.data_ptr<float>();
  launch_cuda(kPackedAttention, packed_attention_cuda.backward, params);
  return {d_q, d_k, d_v};
}

Tensor with_contiguous_heads(const Tensor& tensor_THP) {
  return tensor_THP.stride(2) == 1 ? tensor_THP : tensor_THP.contiguous();
}

class PackedAttention : public torch::autograd::Function<PackedAttention> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& q, const Tensor& k, const Tensor& v,
                        const Tensor& offsets, int64_t max_length, double dropout, int64_t seed) {
    const AttentionOptions options{dropout, static_cast<uint64_t>(seed)};
    const auto run = q.is_cuda() ? packed_attention_forward_cuda : packed_attention_forward_cpu;
    const auto [out, log_sum] = run(q, k, v, offsets, max_length, options);
    context->save_for_backward({q, k, v, out, log_sum, offsets});
    context->saved_data["max_length"] = max_length;
    context->saved_data["dropout"] = dropout;
    context->saved_data["seed"] = seed;
    return out;
  }

  static torch::autograd::variable_list backward(AutogradContext* context,
                                                 torch::autograd::variable_list d_outs) {
    const auto saved = context->get_saved_variables();
    const Tensor &q = saved[0], &k = saved[1], &v = saved[2];
    const AttentionOptions options{context->saved_data["dropout"].toDouble(),
                                   static_cast<uint64_t>(context->saved_data["seed"].toInt())};
    const auto run = q.is_cuda() ? packed_attention_backward_cuda : packed_attention_backward_cpu;
    const auto [d_q, d_k, d_v] = run(q, k, v, saved[3], saved[4], with_contiguous_heads(d_outs[0]),
                                     saved[5], context->saved_data["max_length"].toInt(), options);
    return {d_q, d_k, d_v, Tensor(), Tensor(), Tensor(), Tensor()};
  }
};

// On the CPU, where it costs nothing, also that the sequences lie in the tensors.
void check_offsets(const Tensor& offsets, int64_t tokens, int64_t max_length) {
  if (!offsets.is_cpu()) return;
  const Tensor dense = offsets.contiguous();
  const int32_t* at = dense.data_ptr<int32_t>();
  const int64_t sequences = dense.numel() - 1;
  bool fits = at[0] == 0 && at[sequences] == tokens;
  for (int64_t s = 0; s < sequences; ++s) {
    fits = fits && at[s] <= at[s + 1] && at[s + 1] - at[s] <= max_length;
  }
  if (fits) return;
  throw_run("{}: offsets must rise from 0 to {} tokens in steps of at most {}", kPackedAttention,
            tokens, max_length);
}

void check(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& offsets) {
  require_shape(kPackedAttention, "q", q, {-1, -1, -1});
  require_shape(kPackedAttention, "k", k, q.sizes());
  require_shape(kPackedAttention, "v", v, q.sizes());
  require_shape(kPackedAttention, "offsets", offsets, {-1});
  require_activation(kPackedAttention, q);
  require_same_device_and_dtype(kPackedAttention, q, k);
  require_same_device_and_dtype(kPackedAttention, q, v);
  if (offsets.scalar_type() != at::kInt || offsets.device() != q.device() || offsets.numel() < 1) {
    throw_run("{}: offsets must be int32, on the device of q, at least one; got {} {} on {}",
              kPackedAttention, offsets.numel(), c10::toString(offsets.scalar_type()),
              offsets.device().str());
  }
}

}  // namespace

Tensor packed_attention(const Tensor& q_THP, const Tensor& k_THP, const Tensor& v_THP,
                        const Tensor& offsets_S1, int64_t max_length,
                        const AttentionOptions& options) {
  check(q_THP, k_THP, v_THP, offsets_S1);
  check_offsets(offsets_S1, q_THP.size(0), max_length);
  SEQ_CHECK(options.dropout >= 0 && options.dropout < 1);
  return PackedAttention::apply(with_contiguous_heads(q_THP), with_contiguous_heads(k_THP),
                                with_contiguous_heads(v_THP), offsets_S1.contiguous(), max_length,
                                options.dropout, static_cast<int64_t>(options.seed));
}

Tensor packed_attention_reference(const Tensor& q_THP, const Tensor& k_THP, const Tensor& v_THP,
                                  const Tensor& offsets_S1, const AttentionOptions& options) {
  check(q_THP, k_THP, v_THP, offsets_S1);
  const Tensor offsets = offsets_S1.cpu();
  const DropoutRule rule(options.dropout);
  std::vector<Tensor> outs;
  for (int64_t s = 0; s + 1 < offsets.numel(); ++s) {
    const int64_t begin = offsets[s].item<int>(), length = offsets[s + 1].item<int>() - begin;
    const auto heads_HLP = [&](const Tensor& x) {
      return x.narrow(0, begin, length).transpose(0, 1);
    };
    const Tensor later_LL = at::ones({length, length}, q_THP.options().dtype(at::kBool)).triu(1);
    const Tensor scores_HLL =
        at::matmul(heads_HLP(q_THP), heads_HLP(k_THP).transpose(1, 2)) / std::sqrt(q_THP.size(2));
    Tensor weights_HLL =
        at::softmax(scores_HLL.masked_fill(later_LL, -std::numeric_limits<double>::infinity()), -1);
    const Tensor mask_HLL = at::zeros({q_THP.size(1), length, length}, at::kFloat);
    auto mask = mask_HLL.accessor<float, 3>();
    for (int64_t h = 0; h < mask.size(0); ++h) {
      const RandomKey head_key = derive(random_key(options.seed), static_cast<uint32_t>(h));
      for (int64_t i = 0; i < length; ++i) {
        const RandomKey key = derive(head_key, static_cast<uint32_t>(begin + i));
        for (int64_t j = 0; j < length; ++j) {
          mask[h][i][j] = rule.factor(key, static_cast<uint32_t>(j));
        }
      }
    }
    weights_HLL = weights_HLL * mask_HLL.to(q_THP.options());
    outs.push_back(at::matmul(weights_HLL, heads_HLP(v_THP)).transpose(0, 1));
  }
  return outs.empty() ? at::empty_like(q_THP) : at::cat(outs);
}

}  // namespace seqsweep
