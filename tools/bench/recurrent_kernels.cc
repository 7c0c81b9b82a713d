// The operators of Mamba and LRURec.
#include <fmt/format.h>
#include <torch/types.h>

#include "kernels/conv1d_silu.h"
#include "kernels/lru_scan.h"
#include "kernels/selective_scan.h"
#include "tools/bench/cases.h"

namespace seqsweep {

namespace {

using torch::Tensor;

// What `rows` [S, L, ...] are `step` places later, behind the first `step` of `first`.
Tensor moved_onto(const Tensor& first, const Tensor& rows, int64_t step) {
  return torch::cat({first.narrow(1, 0, step), rows}, 1);
}

// h_t = decay_t h_{t-1} + added_t, all [S, L, E, N], in log L passes over all of it: after each, a
// token has what it and the tokens before it gave.
Tensor scan_in_pairs(Tensor decay, Tensor added) {
  const int64_t length = added.size(1);
  for (int64_t step = 1; step < length; step *= 2) {
    const auto later = [&](const Tensor& rows) { return rows.narrow(1, step, length - step); };
    const auto earlier = [&](const Tensor& rows) { return rows.narrow(1, 0, length - step); };
    added = moved_onto(added, later(added) + later(decay) * earlier(added), step);
    if (2 * step < length) decay = moved_onto(decay, later(decay) * earlier(decay), step);
  }
  return added;
}

// The plain loop in its kindest form for eager ATen: unbind(), whose backward stacks slices where
// indexing fills a whole gradient a step.
Tensor scan_in_steps(const Tensor& dt_SLE, const Tensor& added_SLE, const Tensor& A_EN,
                     const Tensor& B_SLN, const Tensor& C_SLN) {
  const auto decays = dt_SLE.unbind(1), added = added_SLE.unbind(1);
  const auto B = B_SLN.unbind(1), C = C_SLN.unbind(1);
  Tensor state = torch::zeros({dt_SLE.size(0), A_EN.size(0), A_EN.size(1)}, A_EN.options());
  std::vector<Tensor> read_outs;
  for (size_t t = 0; t < decays.size(); ++t) {
    state = torch::exp(decays[t].unsqueeze(-1) * A_EN) * state +
            added[t].unsqueeze(-1) * B[t].unsqueeze(1);
    read_outs.push_back(torch::matmul(state, C[t].unsqueeze(-1)).squeeze(-1));
  }
  return torch::stack(read_outs, 1);
}

// Equal lengths in one batch. Eager is the quicker of two forms: in steps on the CPU, in pairs on a
// GPU, which thousands of launches would keep waiting. A and dt as Mamba4Rec starts.
void bench_selective_scan(Bench& bench, int64_t sequences, int64_t length, int64_t channels,
                          int64_t states) {
  const int64_t tokens = sequences * length;
  const Tensor rates = torch::arange(1, states + 1, bench.options()).repeat({channels, 1});
  const SelectiveScanInputs in{.x_TE = bench.leaf({tokens, channels}),
                               .dt_TE = bench.leaf({tokens, channels}),
                               .A_EN = (-rates).requires_grad_(),
                               .B_TN = bench.leaf({tokens, states}),
                               .C_TN = bench.leaf({tokens, states}),
                               .D_E = bench.leaf({channels}),
                               .z_TE = bench.leaf({tokens, channels}),
                               .dt_bias_E = bench.leaf({channels}),
                               .offsets_S1 = bench.offsets(sequences, length)};
  const std::vector<Tensor> inputs{in.x_TE, in.dt_TE, in.A_EN, in.B_TN,
                                   in.C_TN, in.D_E,   in.z_TE, in.dt_bias_E};
  const Tensor d_y = bench.random({tokens, channels});
  const auto batch = [&](const Tensor& rows) { return rows.view({sequences, length, -1}); };
  // Of a number of a state: its exponential twice, 6 flops forward, 4 to make it again, 14 for the
  // gradients. x, dt, z, y and their gradients; B, C and theirs.
  const auto numbers = static_cast<double>(tokens * channels * states);
  const Least least{.bytes = 4.0 * (11.0 * static_cast<double>(tokens * channels) +
                                    6.0 * static_cast<double>(tokens * states)),
                    .flops = numbers * (2 * kExpFlops + 24)};
  bench.compare(
      fmt::format("selective_scan, {} x {}, {} channels x {} states", sequences, length, channels,
                  states),
      least, [&] { differentiate(selective_scan(in), inputs, d_y); },
      [&] {
        const Tensor dt = batch(torch::softplus(in.dt_TE + in.dt_bias_E));
        const Tensor added = dt * batch(in.x_TE), B = batch(in.B_TN), C = batch(in.C_TN);
        const Tensor read_out =
            bench.on_gpu() ? torch::matmul(scan_in_pairs(torch::exp(dt.unsqueeze(-1) * in.A_EN),
                                                         added.unsqueeze(-1) * B.unsqueeze(2)),
                                           C.unsqueeze(-1))
                                 .squeeze(-1)
                           : scan_in_steps(dt, added, in.A_EN, B, C);
        const Tensor y =
            (read_out.view({tokens, channels}) + in.D_E * in.x_TE) * torch::silu(in.z_TE);
        differentiate(y, inputs, d_y);
      });
}

// Against recursive doubling as LRURec has it: decays are the same at each step, so a pass squares
// them alone.
void bench_lru_scan(Bench& bench, int64_t sequences, int64_t length, int64_t channels) {
  const int64_t tokens = sequences * length;
  const Tensor angle = torch::rand({channels}, bench.options()) * 6;
  const LruScanInputs in{
      .x_TE2 = bench.leaf({tokens, 2 * channels}),
      .lambda_2E = (0.95 * torch::stack({angle.cos(), angle.sin()})).requires_grad_(),
      .offsets_S1 = bench.offsets(sequences, length)};
  const Tensor d_h = bench.random(in.x_TE2.sizes());
  const auto size = static_cast<double>(in.x_TE2.numel());
  bench.compare(
      fmt::format("lru_scan, {} x {}, {} channels", sequences, length, channels),
      {.bytes = 4.0 * 5 * size, .flops = 12.0 * size},
      [&] {
        differentiate(lru_scan(in), {in.x_TE2, in.lambda_2E}, d_h);
      },
      [&] {
        const auto parts = in.x_TE2.view({sequences, length, 2, channels}).unbind(2);
        Tensor h = torch::complex(parts[0], parts[1]);
        Tensor lambda = torch::complex(in.lambda_2E[0], in.lambda_2E[1]);
        for (int64_t step = 1; step < length; step *= 2) {
          const int64_t rest = length - step;
          h = moved_onto(h, h.narrow(1, step, rest) + lambda * h.narrow(1, 0, rest), step);
          lambda = lambda * lambda;
        }
        differentiate(torch::cat({torch::real(h), torch::imag(h)}, 2).view(d_h.sizes()),
                      {in.x_TE2, in.lambda_2E}, d_h);
      });
}

void bench_conv1d_silu(Bench& bench, int64_t sequences, int64_t length, int64_t channels) {
  const int64_t width = 4, tokens = sequences * length;
  const Tensor x = bench.leaf({tokens, channels}), weight = bench.leaf({channels, width}),
               bias = bench.leaf({channels}), d_y = bench.random({tokens, channels});
  const Tensor offsets = bench.offsets(sequences, length);
  const auto size = static_cast<double>(x.numel());
  bench.compare(
      fmt::format("conv1d_silu, {} x {}, {} channels x {}", sequences, length, channels, width),
      {.bytes = 4.0 * 5 * size, .flops = size * (8.0 * width + 2 * kExpFlops + 8)},
      [&] {
        differentiate(conv1d_silu(x, weight, bias, offsets, ConvSpan::Causal), {x, weight, bias},
                      d_y);
      },
      [&] {
        const Tensor x_BCL = x.view({sequences, length, channels}).transpose(1, 2);
        const Tensor y_BCL =
            torch::conv1d(x_BCL, weight.unsqueeze(1), bias, 1, width - 1, 1, channels);
        const Tensor y = torch::silu(y_BCL.narrow(2, 0, length)).transpose(1, 2);
        differentiate(y.reshape(d_y.sizes()), {x, weight, bias}, d_y);
      });
}

}  // namespace

void bench_recurrent_kernels(Bench& bench) {
  bench_conv1d_silu(bench, 64, 200, 128);
  if (bench.on_gpu()) bench_conv1d_silu(bench, 1024, 200, 128);
  bench_selective_scan(bench, 64, 200, 128, 32);
  if (bench.on_gpu()) bench_selective_scan(bench, 256, 200, 128, 32);
  bench_lru_scan(bench, 64, 200, 128);
  if (bench.on_gpu()) bench_lru_scan(bench, 256, 200, 128);
}

}  // namespace seqsweep
