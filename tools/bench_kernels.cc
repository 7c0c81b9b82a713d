// Our CPU kernels beside the same arithmetic in eager ATen: forward and backward, float32, in one
// process. Prints a Markdown table. Usage: bench_kernels [ROUNDS] [THREADS]
#include <fmt/format.h>
#include <malloc.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/files.h"
#include "core/base/text.h"
#include "kernels/catalogue_ranking.h"
#include "kernels/conv1d_silu.h"
#include "kernels/linear_cross_entropy.h"
#include "kernels/packed_attention.h"
#include "kernels/rms_norm_gate.h"
#include "kernels/seeded_dropout.h"
#include "kernels/selective_scan.h"
#include "kernels/ssd.h"

namespace seqsweep {
namespace {

using torch::Tensor;

double median(std::vector<double> values) {
  std::ranges::nth_element(values, values.begin() + static_cast<int64_t>(values.size() / 2));
  return values[values.size() / 2];
}

double seconds(const std::function<void()>& work) {
  const double start = monotonic_s();
  work();
  return monotonic_s() - start;
}

// The two take turns, so that what else the machine does meets both; the ratio is the median of the
// rounds' ratios.
void compare(const std::string& name, int rounds, const std::function<void()>& ours,
             const std::function<void()>& eager) {
  ours();
  eager();
  std::vector<double> ours_s, eager_s, ratios;
  for (int round = 0; round < rounds; ++round) {
    ours_s.push_back(seconds(ours));
    eager_s.push_back(seconds(eager));
    ratios.push_back(eager_s.back() / ours_s.back());
  }
  fmt::print("| {} | {:.1f} | {:.1f} | {:.2f} |\n", name, 1e3 * median(ours_s),
             1e3 * median(eager_s), median(ratios));
}

Tensor leaf(at::IntArrayRef sizes) {
  return torch::randn(sizes).mul_(0.1).requires_grad_();
}

void bench_linear_cross_entropy(int rounds, int64_t rows, int64_t items) {
  const int64_t width = 64;
  const Tensor hidden = leaf({rows, width}), embedding = leaf({items, width});
  const Tensor targets = torch::randint(items, {rows}, torch::kLong);
  compare(
      fmt::format("linear_cross_entropy, {} rows x {} x {} items", rows, width, items), rounds,
      [&] { linear_cross_entropy(hidden, embedding, {}, targets).backward(); },
      [&] { linear_cross_entropy_reference(hidden, embedding, {}, targets).backward(); });
}

int64_t status_kb(const std::string& key) {
  for (const std::string& line : split(read_file("/proc/self/status"), '\n')) {
    if (line.starts_with(key)) return std::stoll(line.substr(key.size()));
  }
  return 0;
}

// Most memory that `work` held at a time beyond what the process has before it; the allocator first
// gives back what it keeps, the kernel forgets the old peak.
double extra_peak_mb(const std::function<void()>& work) {
  malloc_trim(0);
  std::ofstream("/proc/self/clear_refs") << 5;
  const int64_t before_kb = status_kb("VmRSS:");
  work();
  return static_cast<double>(status_kb("VmHWM:") - before_kb) / 1024;
}

// Forward and backward, into gradients that are there before. `with_eager`: the reference may need
// more memory than there is.
void peak_of_linear_cross_entropy(int64_t rows, int64_t items, bool with_eager) {
  const int64_t width = 64;
  const Tensor hidden = leaf({rows, width}), embedding = leaf({items, width});
  const Tensor targets = torch::randint(items, {rows}, torch::kLong);
  const auto peak_mb = [&](const auto& loss) {
    hidden.mutable_grad() = torch::zeros_like(hidden);
    embedding.mutable_grad() = torch::zeros_like(embedding);
    return extra_peak_mb([&] { loss(hidden, embedding, Tensor(), targets).backward(); });
  };
  const double ours_mb = peak_mb(linear_cross_entropy);
  const double eager_mb = with_eager ? peak_mb(linear_cross_entropy_reference) : 0;
  fmt::print("| linear_cross_entropy, {} rows x {} x {} items | {:.0f} | {} |\n", rows, width,
             items, ours_mb,
             with_eager ? fmt::format("{:.0f} | {:.1f}", eager_mb, eager_mb / ours_mb) : "– | –");
}

void bench_sampled_cross_entropy(int rounds, int64_t rows, int64_t items, int64_t negatives) {
  const int64_t width = 64;
  const Tensor hidden = leaf({rows, width}), embedding = leaf({items, width});
  const Tensor targets = torch::randint(items, {rows}, torch::kLong);
  const Tensor drawn = torch::randint(items, {negatives}, torch::kLong);
  const Tensor log_expected = torch::zeros({negatives});
  const auto step = [&](const auto& loss) {
    return
        [&, loss] { loss(hidden, embedding, Tensor(), targets, drawn, log_expected).backward(); };
  };
  // The eager loss of only the sample: its scores, the target's beside them.
  const auto eager = [](const Tensor& h, const Tensor& e, const Tensor&, const Tensor& target,
                        const Tensor& ids, const Tensor& correction) {
    const Tensor own = (h * torch::embedding(e, target)).sum(1, true);
    const Tensor others = (torch::mm(h, torch::embedding(e, ids).t()) - correction)
                              .masked_fill(target.unsqueeze(1).eq(ids), -1e30);
    return (torch::cat({own, others}, 1).logsumexp(1) - own.squeeze(1)).sum();
  };
  compare(fmt::format("sampled_cross_entropy, {} rows x {} x {} of {} items", rows, width,
                      negatives, items),
          rounds, step(sampled_cross_entropy), step(eager));
}

// The ten best items of each row and, for many rows, the rank of a target.
void bench_catalogue_ranking(int rounds, int64_t rows, int64_t items) {
  const torch::NoGradGuard no_grad;
  constexpr int kRepeats = 20;  // One serving call is too short to time.
  const int repeats = rows == 1 ? kRepeats : 1;
  const Tensor hidden = torch::randn({rows, 64}), embedding = torch::randn({items, 64});
  const auto repeat = [&](const auto& work) {
    return [=] {
      for (int i = 0; i < repeats; ++i) work();
    };
  };
  compare(fmt::format("best_in_catalogue, {} x {} rows x 64 x {} items", repeats, rows, items),
          rounds, repeat([=] { best_in_catalogue(hidden, embedding, {}, 10); }),
          repeat([=] { torch::mm(hidden, embedding.t()).topk(10); }));
  if (rows == 1) return;
  const std::vector<int32_t> targets(static_cast<size_t>(rows), 7);
  compare(
      fmt::format("rank_in_catalogue, {} rows x 64 x {} items", rows, items), rounds,
      [&] { rank_in_catalogue(hidden, embedding, {}, targets); },
      [&] { rank_in_catalogue_reference(hidden, embedding, {}, targets); });
}

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
}  // namespace seqsweep

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::stoi(argv[1]) : 15;
  if (argc > 2) at::set_num_threads(std::stoi(argv[2]));
  fmt::print("{} threads, medians of {} rounds\n\n", at::get_num_threads(), rounds);
  fmt::print("| operator | ours, ms | ATen eager, ms | times faster |\n|---|---:|---:|---:|\n");
  seqsweep::bench_linear_cross_entropy(rounds, 12800, 3417);
  seqsweep::bench_linear_cross_entropy(rounds, 12800, 1349);
  seqsweep::bench_sampled_cross_entropy(rounds, 4096, 211452, 1024);
  seqsweep::bench_catalogue_ranking(rounds, 1, 3417);
  seqsweep::bench_catalogue_ranking(rounds, 1, 211452);
  seqsweep::bench_catalogue_ranking(rounds, 512, 3417);
  seqsweep::bench_packed_attention(rounds, 128, 50, 0.2);
  seqsweep::bench_packed_attention(rounds, 128, 100, 0.2);
  seqsweep::bench_packed_attention(rounds, 64, 200, 0.2);
  seqsweep::bench_seeded_dropout(rounds, 12800, 64);
  seqsweep::bench_conv1d_silu(rounds, 64, 200, 128);
  seqsweep::bench_state_space_duality(rounds);
  // Eager takes seconds.
  seqsweep::bench_selective_scan(std::max(1, rounds / 5), 64, 200, 128, 32);
  fmt::print("\n| extra memory at its peak | ours, MB | ATen eager, MB | times less |\n");
  fmt::print("|---|---:|---:|---:|\n");
  seqsweep::peak_of_linear_cross_entropy(12800, 3417, /*with_eager=*/true);
  seqsweep::peak_of_linear_cross_entropy(4096, 211452, /*with_eager=*/false);
  return 0;
}
