// Attention and dropout.
#include <torch/utils.h>

#include "kernels/packed_attention.h"
#include "kernels/seeded_dropout.h"
#include "tools/bench/cases.h"
#include "tools/bench/paired.h"

namespace seqsweep {

namespace {

using torch::Tensor;

// Against padded, batched attention as eager PyTorch computes it, all sequences equally long: the
// kindest case for padding.
void bench_packed_attention(int rounds, int64_t sequences, int64_t length, double dropout) {
  const int64_t heads = 2, width = 32;
  const Tensor qkv = leaf({sequences * length, 3, heads, width});
  const Tensor offsets = torch::arange(0, sequences * length + 1, length, torch::kInt);
  const Tensor later = torch::ones({length, length}, torch::kBool).triu(1);
  compare(
      fmt::format("packed_attention, {} x {}, dropout {}", sequences, length, dropout), rounds,
      [&] {
        const auto parts = qkv.unbind(1);
        packed_attention(parts[0], parts[1], parts[2], offsets, length,
                         {.dropout = dropout, .seed = 1})
            .sum()
            .backward();
      },
      [&] {
        const auto parts = qkv.view({sequences, length, 3, heads, width}).permute({2, 0, 3, 1, 4});
        const Tensor scores = torch::matmul(parts[0], parts[1].transpose(-1, -2)) / std::sqrt(32.0);
        const Tensor weights = torch::softmax(scores.masked_fill(later, -1e9), -1);
        const Tensor out = torch::matmul(torch::dropout(weights, dropout, true), parts[2]);
        out.transpose(1, 2).contiguous().sum().backward();
      });
}

void bench_seeded_dropout(int rounds, int64_t rows, int64_t width) {
  const Tensor x = leaf({rows, width});
  compare(
      fmt::format("seeded_dropout, {} x {}", rows, width), rounds,
      [&] { seeded_dropout(x, 0.2, 1).sum().backward(); },
      [&] { torch::dropout(x, 0.2, true).sum().backward(); });
}

}  // namespace

void bench_attention_kernels(int rounds) {
  bench_packed_attention(rounds, 128, 50, 0.2);
  bench_packed_attention(rounds, 128, 100, 0.2);
  bench_packed_attention(rounds, 64, 200, 0.2);
  bench_seeded_dropout(rounds, 12800, 64);
}

}  // namespace seqsweep
