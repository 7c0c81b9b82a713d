// The operators of Mamba-2 and Hydra.
#include <fmt/format.h>
#include <torch/types.h>

#include <algorithm>

#include "kernels/rms_norm_gate.h"
#include "kernels/ssd.h"
#include "tools/bench/cases.h"

namespace seqsweep {

namespace {

using torch::Tensor;

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
  const Tensor later_QQ =
      torch::ones({chunk, chunk}, in.x_THP.options().dtype(torch::kBool)).triu(1);
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
SsdInputs ssd_inputs(const Bench& bench, int64_t sequences, int64_t length, int64_t state) {
  const int64_t tokens = sequences * length, heads = 2, width = 64;
  const auto set = [](const Tensor& values) { return values.detach().requires_grad_(); };
  return {bench.leaf({tokens, heads, width}),
          set(bench.random({tokens, heads}) - 2),
          set(-torch::rand({heads}, bench.options()) * 15 - 1),
          bench.leaf({tokens, 1, state}),
          bench.leaf({tokens, 1, state}),
          bench.leaf({heads}),
          bench.leaf({heads}),
          bench.offsets(sequences, length)};
}

// As a recurrence: a state's number is decayed, added to and read, and five more products are its
// gradients, for which it is made again. x, y and their gradients; B, C and theirs.
Least least_of_ssd(const SsdInputs& in, int directions) {
  const auto tokens = static_cast<double>(in.x_THP.numel()),
             states = static_cast<double>(in.B_TGN.numel());
  return {.bytes = 4.0 * (5 * tokens + 6 * states),
          .flops = 19.0 * directions * tokens * static_cast<double>(in.B_TGN.size(2))};
}

void bench_ssd(Bench& bench, int64_t sequences, int64_t length, int64_t state) {
  const SsdInputs in = ssd_inputs(bench, sequences, length, state);
  const Tensor d_y = bench.random(in.x_THP.sizes());
  const std::vector<Tensor> inputs{in.x_THP, in.dt_TH, in.A_H,      in.B_TGN,
                                   in.C_TGN, in.D_H,   in.dt_bias_H};
  bench.compare(
      fmt::format("ssd, {} x {}, N = {}", sequences, length, state), least_of_ssd(in, 1),
      [&] { differentiate(ssd(in), inputs, d_y); },
      [&] { differentiate(chunked_ssd(in, length, std::min<int64_t>(length, 64)), inputs, d_y); });
}

// Against Hydra's way with a causal operator: both directions as one batch, flipped, shifted,
// added.
void bench_bidirectional_ssd(Bench& bench, int64_t sequences, int64_t length, int64_t state) {
  const SsdInputs in = ssd_inputs(bench, sequences, length, state);
  const Tensor diagonal = bench.leaf({sequences * length, 2}), d_y = bench.random(in.x_THP.sizes());
  const Tensor no_skip = torch::zeros({2}, bench.options());
  const std::vector<Tensor> inputs{in.x_THP, in.dt_TH, in.A_H,      in.B_TGN,
                                   in.C_TGN, diagonal, in.dt_bias_H};
  const auto both = [&](const Tensor& rows) {
    const Tensor turned = rows.view({sequences, length, rows.size(1), -1}).flip(1);
    return torch::cat({rows, turned.view(rows.sizes())});
  };
  bench.compare(
      fmt::format("bidirectional_ssd, {} x {}, N = {}", sequences, length, state),
      least_of_ssd(in, 2),
      [&] {
        differentiate(
            bidirectional_ssd({in.x_THP, in.dt_TH, in.dt_TH, in.A_H, in.B_TGN, in.C_TGN, in.B_TGN,
                               in.C_TGN, in.dt_bias_H, diagonal, in.offsets_S1}),
            inputs, d_y);
      },
      [&] {
        const Tensor y_BLHP = chunked_ssd({both(in.x_THP), both(in.dt_TH), in.A_H, both(in.B_TGN),
                                           both(in.C_TGN), no_skip, in.dt_bias_H, in.offsets_S1},
                                          length, std::min<int64_t>(length, 64))
                                  .view({2 * sequences, length, 2, -1});
        const auto directions =
            torch::constant_pad_nd(y_BLHP.narrow(1, 0, length - 1), {0, 0, 0, 0, 1, 0}).chunk(2);
        const Tensor mixed = (directions[0] + directions[1].flip(1)).reshape(in.x_THP.sizes());
        differentiate(mixed + diagonal.unsqueeze(2) * in.x_THP, inputs, d_y);
      });
}

void bench_rms_norm_gate(Bench& bench, int64_t rows, int64_t width, GateOrder order) {
  const Tensor y = bench.leaf({rows, width}), z = bench.leaf({rows, width}),
               weight = bench.leaf({width});
  const Tensor d_out = bench.random({rows, width});
  const auto size = static_cast<double>(y.numel());
  const auto step = [&](const auto& norm) {
    return [&, norm] { differentiate(norm(y, z, weight, 1, 1e-5, order), {y, z, weight}, d_out); };
  };
  bench.compare(fmt::format("rms_norm_gate, {} x {}, {} first", rows, width,
                            order == GateOrder::GateFirst ? "gate" : "norm"),
                {.bytes = 4.0 * 8 * size, .flops = size * (2 * kExpFlops + 30)},
                step(rms_norm_gate), step(rms_norm_gate_reference));
}

}  // namespace

void bench_state_space_kernels(Bench& bench) {
  bench_ssd(bench, 64, 200, 64);
  bench_ssd(bench, 64, 200, 32);
  bench_ssd(bench, 256, 50, 64);
  if (bench.on_gpu()) bench_ssd(bench, 256, 200, 64);
  bench_bidirectional_ssd(bench, 64, 200, 64);
  if (bench.on_gpu()) bench_bidirectional_ssd(bench, 256, 200, 64);
  for (const GateOrder order : {GateOrder::GateFirst, GateOrder::NormFirst}) {
    bench_rms_norm_gate(bench, 12800, 128, order);
    if (bench.on_gpu()) bench_rms_norm_gate(bench, 204800, 128, order);
  }
}

}  // namespace seqsweep
