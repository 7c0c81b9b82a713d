// The operators of Mamba, Mamba-2 and Hydra.
#include <torch/utils.h>

#include "kernels/conv1d_silu.h"
#include "kernels/rms_norm_gate.h"
#include "kernels/selective_scan.h"
#include "kernels/ssd.h"
#include "tools/bench/cases.h"
#include "tools/bench/paired.h"

namespace seqsweep {

namespace {

using torch::Tensor;

// The plain loop in its kindest form for eager ATen: equal lengths in one batch, and unbind(),
// whose backward stacks slices where indexing fills a whole gradient a step. A and dt as Mamba4Rec
// starts.
void bench_selective_scan(int rounds, int64_t sequences, int64_t length, int64_t channels,
                          int64_t states) {
  const int64_t tokens = sequences * length;
  const Tensor rates = torch::arange(1, states + 1, torch::kFloat).repeat({channels, 1});
  const SelectiveScanInputs in{.x_TE = leaf({tokens, channels}),
                               .dt_TE = leaf({tokens, channels}),
                               .A_EN = (-rates).requires_grad_(),
                               .B_TN = leaf({tokens, states}),
                               .C_TN = leaf({tokens, states}),
                               .D_E = leaf({channels}),
                               .z_TE = leaf({tokens, channels}),
                               .dt_bias_E = leaf({channels}),
                               .offsets_S1 = torch::arange(0, tokens + 1, length, torch::kInt)};
  const auto steps = [&](const Tensor& rows) {
    return rows.view({sequences, length, -1}).unbind(1);
  };
  compare(
      fmt::format("selective_scan, {} x {}, {} channels x {} states", sequences, length, channels,
                  states),
      rounds, [&] { selective_scan(in).sum().backward(); },
      [&] {
        const Tensor dt_TE = torch::softplus(in.dt_TE + in.dt_bias_E);
        const auto decays = steps(dt_TE), added = steps(dt_TE * in.x_TE);
        const auto B = steps(in.B_TN), C = steps(in.C_TN);
        Tensor state = torch::zeros({sequences, channels, states});
        std::vector<Tensor> read_outs;
        for (int64_t t = 0; t < length; ++t) {
          state = torch::exp(decays[t].unsqueeze(-1) * in.A_EN) * state +
                  added[t].unsqueeze(-1) * B[t].unsqueeze(1);
          read_outs.push_back(torch::matmul(state, C[t].unsqueeze(-1)).squeeze(-1));
        }
        const Tensor read_out = torch::stack(read_outs, 1).view({tokens, channels});
        ((read_out + in.D_E * in.x_TE) * torch::silu(in.z_TE)).sum().backward();
      });
}

void bench_conv1d_silu(int rounds, int64_t sequences, int64_t length, int64_t channels) {
  const int64_t width = 4, tokens = sequences * length;
  const Tensor x = leaf({tokens, channels}), weight = leaf({channels, width}),
               bias = leaf({channels});
  const Tensor offsets = torch::arange(0, tokens + 1, length, torch::kInt);
  compare(
      fmt::format("conv1d_silu, {} x {}, {} channels x {}", sequences, length, channels, width),
      rounds, [&] { conv1d_silu(x, weight, bias, offsets, ConvSpan::Causal).sum().backward(); },
      [&] {
        const Tensor x_BCL = x.view({sequences, length, channels}).transpose(1, 2);
        const Tensor y_BCL =
            torch::conv1d(x_BCL, weight.unsqueeze(1), bias, 1, width - 1, 1, channels);
        torch::silu(y_BCL.narrow(2, 0, length)).transpose(1, 2).contiguous().sum().backward();
      });
}

// SSD of equally long sequences in eager ATen, chunked as the paper does it (Dao & Gu 2024,
// section 6), one group. B sequences, H heads, K chunks, Q positions of a chunk, P head width, N
// state.
Tensor chunked_ssd(const SsdInputs& in, int64_t length, int64_t chunk) {
  const int64_t heads = in.x_THP.size(1);
  const auto chunks_BHKQ = [&](const Tensor& rows) {
    const Tensor rows_BLHW = rows.view({-1, length, rows.size(1), rows.size(2)});
    return torch::constant_pad_nd(rows_BLHW, {0, 0, 0, 0, 0, (chunk - length % chunk) % chunk})
        .unflatten(1, {-1, chunk})
        .permute({0, 3, 1, 2, 4});
  };
  const Tensor dt_TH = torch::softplus(in.dt_TH + in.dt_bias_H);
  const Tensor added = chunks_BHKQ(in.x_THP * dt_TH.unsqueeze(2));
  const Tensor B = chunks_BHKQ(in.B_TGN), C = chunks_BHKQ(in.C_TGN);
  const Tensor log_decay = chunks_BHKQ((dt_TH * in.A_H).unsqueeze(2)).squeeze(-1).cumsum(-1);
  const Tensor later_QQ = torch::ones({chunk, chunk}, torch::kBool).triu(1);
  const Tensor decay_BHKQQ =
      (log_decay.unsqueeze(-1) - log_decay.unsqueeze(-2)).masked_fill(later_QQ, -INFINITY).exp();
  Tensor y = torch::matmul(torch::matmul(C, B.transpose(-1, -2)) * decay_BHKQQ, added);
  const Tensor last_BHK1 = log_decay.narrow(-1, chunk - 1, 1);
  const Tensor left_BHKPN =
      torch::matmul((added * (last_BHK1 - log_decay).exp().unsqueeze(-1)).transpose(-1, -2), B);
  const Tensor whole_BHK11 = last_BHK1.exp().unsqueeze(-1);
  Tensor state = torch::zeros_like(left_BHKPN.select(2, 0));
  std::vector<Tensor> starts;
  for (int64_t k = 0; k < left_BHKPN.size(2); ++k) {
    starts.push_back(state);
    state = whole_BHK11.select(2, k) * state + left_BHKPN.select(2, k);
  }
  y = y +
      torch::matmul(C, torch::stack(starts, 2).transpose(-1, -2)) * log_decay.exp().unsqueeze(-1);
  return y.permute({0, 2, 3, 1, 4})
             .flatten(1, 2)
             .narrow(1, 0, length)
             .reshape({-1, heads, in.x_THP.size(2)}) +
         in.D_H.unsqueeze(1) * in.x_THP;
}

// x, dt, A, B, C, D, dt_bias, with decays like those of a model at its start.
SsdInputs ssd_inputs(int64_t sequences, int64_t length, int64_t state) {
  const int64_t tokens = sequences * length, heads = 2, width = 64;
  const auto set = [](const Tensor& values) { return values.detach().requires_grad_(); };
  return {leaf({tokens, heads, width}),
          set(torch::randn({tokens, heads}) - 2),
          set(-torch::rand({heads}) * 15 - 1),
          leaf({tokens, 1, state}),
          leaf({tokens, 1, state}),
          leaf({heads}),
          leaf({heads}),
          torch::arange(0, tokens + 1, length, torch::kInt)};
}

void bench_ssd(int rounds, int64_t sequences, int64_t length, int64_t state) {
  const SsdInputs in = ssd_inputs(sequences, length, state);
  const Tensor d_y = torch::randn(in.x_THP.sizes());
  compare(
      fmt::format("ssd, {} x {}, N = {}", sequences, length, state), rounds,
      [&] { ssd(in).backward(d_y); },
      [&] { chunked_ssd(in, length, std::min<int64_t>(length, 64)).backward(d_y); });
}

// Against Hydra's way with a causal operator: both directions as one batch, flipped, shifted,
// added.
void bench_bidirectional_ssd(int rounds, int64_t sequences, int64_t length, int64_t state) {
  const SsdInputs in = ssd_inputs(sequences, length, state);
  const Tensor diagonal = leaf({sequences * length, 2}), d_y = torch::randn(in.x_THP.sizes());
  const auto both = [&](const Tensor& rows) {
    const Tensor turned = rows.view({sequences, length, rows.size(1), -1}).flip(1);
    return torch::cat({rows, turned.view(rows.sizes())});
  };
  compare(
      fmt::format("bidirectional_ssd, {} x {}, N = {}", sequences, length, state), rounds,
      [&] {
        bidirectional_ssd({in.x_THP, in.dt_TH, in.dt_TH, in.A_H, in.B_TGN, in.C_TGN, in.B_TGN,
                           in.C_TGN, in.dt_bias_H, diagonal, in.offsets_S1})
            .backward(d_y);
      },
      [&] {
        const Tensor y_BLHP =
            chunked_ssd({both(in.x_THP), both(in.dt_TH), in.A_H, both(in.B_TGN), both(in.C_TGN),
                         torch::zeros({2}), in.dt_bias_H, in.offsets_S1},
                        length, std::min<int64_t>(length, 64))
                .view({2 * sequences, length, 2, -1});
        const auto directions =
            torch::constant_pad_nd(y_BLHP.narrow(1, 0, length - 1), {0, 0, 0, 0, 1, 0}).chunk(2);
        const Tensor mixed = (directions[0] + directions[1].flip(1)).reshape(in.x_THP.sizes());
        (mixed + diagonal.unsqueeze(2) * in.x_THP).backward(d_y);
      });
}

void bench_rms_norm_gate(int rounds, int64_t rows, int64_t width, GateOrder order) {
  const Tensor y = leaf({rows, width}), z = leaf({rows, width}), weight = leaf({width});
  const Tensor d_out = torch::randn({rows, width});
  compare(
      fmt::format("rms_norm_gate, {} x {}, {} first", rows, width,
                  order == GateOrder::GateFirst ? "gate" : "norm"),
      rounds, [&] { rms_norm_gate(y, z, weight, 1, 1e-5, order).backward(d_out); },
      [&] { rms_norm_gate_reference(y, z, weight, 1, 1e-5, order).backward(d_out); });
}

void bench_state_space_duality(int rounds) {
  bench_ssd(rounds, 64, 200, 64);
  bench_ssd(rounds, 64, 200, 32);
  bench_ssd(rounds, 256, 50, 64);
  bench_bidirectional_ssd(rounds, 64, 200, 64);
  bench_rms_norm_gate(rounds, 12800, 128, GateOrder::GateFirst);
  bench_rms_norm_gate(rounds, 12800, 128, GateOrder::NormFirst);
}

}  // namespace

void bench_state_space_kernels(int rounds) {
  bench_conv1d_silu(rounds, 64, 200, 128);
  bench_state_space_duality(rounds);
  // Eager takes seconds.
  bench_selective_scan(std::max(1, rounds / 5), 64, 200, 128, 32);
}

}  // namespace seqsweep
