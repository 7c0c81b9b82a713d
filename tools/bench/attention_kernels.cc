// Attention and dropout.
#include <fmt/format.h>
#include <torch/types.h>

#include <cmath>

#include "kernels/continued_attention.h"
#include "kernels/packed_attention.h"
#include "kernels/seeded_dropout.h"
#include "tools/bench/cases.h"

namespace seqsweep {

namespace {

using torch::Tensor;

enum class Other { Plain, Fused };  // ATen's own operator is the second.

// Against padded, batched attention as eager PyTorch computes it, all sequences equally long: the
// kindest case for padding.
void bench_packed_attention(Bench& bench, int64_t sequences, int64_t length, double dropout,
                            Other other = Other::Plain) {
  const int64_t heads = 2, width = 32, tokens = sequences * length;
  const Tensor qkv = bench.leaf({tokens, 3, heads, width});
  const Tensor d_out = bench.random({tokens, heads, width});
  const Tensor offsets = bench.offsets(sequences, length);
  const Tensor later = torch::ones({length, length}, bench.options(torch::kBool)).triu(1);
  const auto pairs = static_cast<double>(sequences * heads * length * (length + 1) / 2);
  // Of a query and a key, as wide as a head: the score and what it reads; for the gradients the
  // score again and four products.
  // q, k, v and the result in both passes, their gradients once.
  const Least least{.bytes = 4.0 * 12 * static_cast<double>(d_out.numel()),
                    .flops = pairs * (14.0 * static_cast<double>(width) + 2 * kExpFlops)};
  bench.compare(
      fmt::format("packed_attention, {} x {}, dropout {}{}", sequences, length, dropout,
                  other == Other::Fused ? ", against ATen's fused one" : ""),
      least,
      [&] {
        const auto parts = qkv.unbind(1);
        differentiate(packed_attention(parts[0], parts[1], parts[2], offsets, length,
                                       {.dropout = dropout, .seed = 1}),
                      {qkv}, d_out);
      },
      [&] {
        const auto parts = qkv.view({sequences, length, 3, heads, width}).permute({2, 0, 3, 1, 4});
        Tensor out;
        if (other == Other::Fused) {
          out = at::scaled_dot_product_attention(parts[0], parts[1], parts[2], {}, dropout,
                                                 /*is_causal=*/true);
        } else {
          const Tensor scores = torch::matmul(parts[0], parts[1].transpose(-1, -2)) /
                                std::sqrt(static_cast<double>(width));
          const Tensor weights = torch::softmax(scores.masked_fill(later, -1e9), -1);
          out = torch::matmul(torch::dropout(weights, dropout, true), parts[2]);
        }
        differentiate(out.transpose(1, 2).reshape(d_out.sizes()), {qkv}, d_out);
      });
}

// A step of decoding: `rows` rows continue each prompt. Eager: all prompts equally long.
void bench_continued_attention(Bench& bench, int64_t prompts, int64_t length, int64_t rows,
                               int64_t written) {
  const torch::NoGradGuard no_grad;
  const int64_t groups = 4, of_group = 8, width = 64, heads = groups * of_group;
  const Tensor prompt_of =
      torch::arange(prompts, bench.options(torch::kLong)).repeat_interleave(rows);
  const ContinuedAttentionInputs in{
      .q_RHP = bench.random({prompts * rows, heads, width}),
      .prompt_k_TGP = bench.random({prompts * length, groups, width}),
      .prompt_v_TGP = bench.random({prompts * length, groups, width}),
      .offsets_S1 = bench.offsets(prompts, length),
      .prompt_R = prompt_of,
      .written_k_RLGP = bench.random({prompts * rows, written, groups, width}),
      .written_v_RLGP = bench.random({prompts * rows, written, groups, width}),
      .written = written};
  // [S, G, rows x heads of a group, P], and by row [R, G, heads of a group, P].
  const auto of_prompts = [=](const Tensor& x_RHP) {
    return x_RHP.view({prompts, rows, groups, of_group, -1}).transpose(1, 2).flatten(2, 3);
  };
  const auto of_rows = [=](const Tensor& x) {
    return x.unflatten(2, {rows, of_group})
        .transpose(1, 2)
        .reshape({-1, groups, of_group, x.size(3)});
  };
  const auto seen = static_cast<double>(prompts * rows * heads * (length + written));
  const auto bytes = 4.0 * static_cast<double>(2 * in.q_RHP.numel() + 2 * in.prompt_k_TGP.numel() +
                                               2 * in.written_k_RLGP.numel());
  bench.compare(
      fmt::format("continued_attention, {} prompts of {} x {} rows, {} written", prompts, length,
                  rows, written),
      {.bytes = bytes, .flops = seen * (4.0 * static_cast<double>(width) + kExpFlops)},
      [&] { continued_attention(in); },
      [&] {
        const auto prompt = [&](const Tensor& x_TGP) {
          return x_TGP.view({prompts, length, groups, width}).transpose(1, 2);
        };
        const Tensor q = in.q_RHP / std::sqrt(static_cast<double>(width));
        const Tensor to_prompt =
            of_rows(torch::matmul(of_prompts(q), prompt(in.prompt_k_TGP).transpose(-1, -2)));
        const Tensor to_written = torch::matmul(q.view({-1, groups, of_group, width}),
                                                in.written_k_RLGP.permute({0, 2, 3, 1}));
        const auto weights = torch::softmax(torch::cat({to_prompt, to_written}, -1), -1)
                                 .split_with_sizes({length, written}, -1);
        const Tensor from_prompt =
            torch::matmul(of_prompts(weights[0].flatten(1, 2)), prompt(in.prompt_v_TGP));
        return of_rows(from_prompt) + torch::matmul(weights[1], in.written_v_RLGP.transpose(1, 2));
      });
}

void bench_seeded_dropout(Bench& bench, int64_t rows, int64_t width) {
  const Tensor x = bench.leaf({rows, width}), d_out = bench.random({rows, width});
  bench.compare(
      fmt::format("seeded_dropout, {} x {}", rows, width),
      {.bytes = 4.0 * 4 * static_cast<double>(x.numel())},
      [&] { differentiate(seeded_dropout(x, 0.2, 1), {x}, d_out); },
      [&] { differentiate(torch::dropout(x, 0.2, true), {x}, d_out); });
}

}  // namespace

void bench_attention_kernels(Bench& bench) {
  if (bench.on_gpu()) {
    for (const auto& [sequences, length] : {std::pair{64, 200}, {256, 200}, {1024, 50}}) {
      bench_packed_attention(bench, sequences, length, 0.2);
      bench_packed_attention(bench, sequences, length, 0.2, Other::Fused);
    }
    bench_seeded_dropout(bench, 204800, 128);
    bench_continued_attention(bench, 16, 1024, 8, 16);
    bench_continued_attention(bench, 64, 1024, 8, 16);
    return;
  }
  bench_packed_attention(bench, 128, 50, 0.2);
  bench_packed_attention(bench, 128, 100, 0.2);
  bench_packed_attention(bench, 64, 200, 0.2);
  bench_seeded_dropout(bench, 12800, 64);
  bench_continued_attention(bench, 4, 512, 4, 16);
}

}  // namespace seqsweep
