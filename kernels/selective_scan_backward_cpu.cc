// Chunks from the last to the first. A channel's states and decays of a chunk are computed again
// from the checkpoint before it and stay in the cache while the gradient g of the state runs back:
//   g_t = dy_t C_t + a_{t+1} g_{t+1},  a_t = exp(d_t A),  w_t = g_t a_t h_{t-1};
//   d(d_t x_t) = g_t . B_t,  d(d_t) = w_t . A + x_t g_t . B_t,  dA += w_t d_t,
//   dB_t += d_t x_t g_t,  dC_t += dy_t h_t, the last two summed over channels.
#include <torch/types.h>

#include "kernels/selective_scan_chunk.h"
#include "kernels/selective_scan_cpu.h"

namespace seqsweep {

namespace {

template <typename T>
struct BackwardNumbers {
  RowsOf<T> d_y, ungated, d_x, d_dt, d_z;
  const T* checkpoints;
  T *d_B, *d_C;  // [groups, T, N]
  int64_t tokens;
};

// The gradients that all tokens add to, summed over the units of one part.
template <typename T>
struct SharedSums {
  std::vector<T> A, D, dt_bias;  // A: [channels, padded_states].
  explicit SharedSums(const ScanNumbers<T>& in)
      : A(in.rates.size()), D(in.channels), dt_bias(in.channels) {}
  void add(const SharedSums& other) {
    const auto add_to = [](std::vector<T>& to, const std::vector<T>& from) {
      for (size_t i = 0; i < to.size(); ++i) to[i] += from[i];
    };
    add_to(A, other.A);
    add_to(D, other.D);
    add_to(dt_bias, other.dt_bias);
  }
};

// One channel and slab of a chunk: states[t + 1] and decays[t] of token t, from states[0] on.
template <typename T, int kVectors>
void recompute(const ScanStep<T>& at, int64_t tokens, Lanes<T>* states, Lanes<T>* decays) {
  Lanes<T> rate[kVectors], h[kVectors];
  for (int v = 0; v < kVectors; ++v) {
    rate[v] = load_lanes(at.rates + v * kLanes<T>);
    h[v] = states[v];
  }
  for (int64_t t = 0; t < tokens; ++t) {
    const T step = at.step[t * kScanGroup], added = at.added[t * kScanGroup];
    for (int v = 0; v < kVectors; ++v) {
      const Lanes<T> decay = exp2_of(step * rate[v]);
      h[v] = decay * h[v] + added * load_lanes(at.B + t * at.padded_states + v * kLanes<T>);
      decays[t * kVectors + v] = decay;
      states[(t + 1) * kVectors + v] = h[v];
    }
  }
}

template <typename T>
struct BackwardStep {
  const T* d_read_out;        // Of C . h, by kScanGroup a token.
  T *d_B, *d_C;               // By padded_states a token.
  T *d_state, *d_A;           // Carried from chunk to chunk, and over all of them.
  Lanes<T>*added, *exponent;  // Sums over states by token: g . B and w . rate.
};

template <typename T, int kVectors>
void run_back(const ScanStep<T>& at, const BackwardStep<T>& d, int64_t tokens,
              const Lanes<T>* states, const Lanes<T>* decays) {
  Lanes<T> g[kVectors], d_A[kVectors];
  for (int v = 0; v < kVectors; ++v) {
    g[v] = load_lanes(d.d_state + v * kLanes<T>);
    d_A[v] = load_lanes(d.d_A + v * kLanes<T>);
  }
  for (int64_t t = tokens - 1; t >= 0; --t) {
    const T step = at.step[t * kScanGroup], added = at.added[t * kScanGroup];
    const T d_read_out = d.d_read_out[t * kScanGroup];
    Lanes<T> d_added{}, d_exponent{};
    for (int v = 0; v < kVectors; ++v) {
      const int64_t n = t * at.padded_states + v * kLanes<T>;
      store_lanes(d.d_C + n, load_lanes(d.d_C + n) + d_read_out * states[(t + 1) * kVectors + v]);
      g[v] += d_read_out * load_lanes(at.C + n);
      d_added += g[v] * load_lanes(at.B + n);
      store_lanes(d.d_B + n, load_lanes(d.d_B + n) + added * g[v]);
      g[v] *= decays[t * kVectors + v];
      const Lanes<T> w = g[v] * states[t * kVectors + v];
      d_exponent += w * load_lanes(at.rates + v * kLanes<T>);
      d_A[v] += w * step;
    }
    d.added[t] += d_added;
    d.exponent[t] += d_exponent;
  }
  for (int v = 0; v < kVectors; ++v) {
    store_lanes(d.d_state + v * kLanes<T>, g[v]);
    store_lanes(d.d_A + v * kLanes<T>, d_A[v]);
  }
}

template <typename T, int kVectors>
class BackwardTask {
 public:
  BackwardTask(const ScanNumbers<T>& in, const BackwardNumbers<T>& d, SharedSums<T>& shared)
      : in_(in),
        d_(d),
        shared_(shared),
        chunk_(in),
        d_state_(kScanGroup * in.padded_states),
        d_B_(kScanChunk * in.padded_states),
        d_C_(kScanChunk * in.padded_states),
        start_(kLanes<T> * in.padded_states) {}

  void run(const Unit& unit) {
    std::fill(d_state_.begin(), d_state_.end(), T(0));
    const int64_t channel = unit.group * kScanGroup;
    const int64_t width = std::min(kScanGroup, in_.channels - channel);
    for (int64_t i = (unit.length - 1) / kScanChunk; i >= 0; --i) {
      const int64_t token = unit.begin + i * kScanChunk;
      const int64_t tokens = std::min(kScanChunk, unit.length - i * kScanChunk);
      chunk_.fill(in_, token, tokens, channel, width);
      for (int64_t t = 0; t < tokens; ++t) ungate(token + t, channel, width, d_read_out_[t].data());
      std::fill(d_B_.begin(), d_B_.end(), T(0));
      std::fill(d_C_.begin(), d_C_.end(), T(0));
      const T* checkpoint =
          d_.checkpoints + (checkpoint_row(unit, i) * in_.channels + channel) * in_.states;
      for (int64_t first = 0; first < width; first += kLanes<T>) {
        block(checkpoint + first * in_.states, tokens, channel, first,
              std::min(kLanes<T>, width - first));
      }
      for (int64_t t = 0; t < tokens; ++t) finish(token + t, channel, width, t);
      const int64_t row = unit.group * d_.tokens + token;
      in_.unpad(d_B_.data(), tokens, d_.d_B + row * in_.states);
      in_.unpad(d_C_.data(), tokens, d_.d_C + row * in_.states);
    }
  }

 private:
  // Channels first .. first + count of the group.
  void block(const T* checkpoint, int64_t tokens, int64_t channel, int64_t first, int64_t count) {
    for (auto& of_channel : added_sums_) std::fill_n(of_channel.data(), tokens, Lanes<T>{});
    for (auto& of_channel : exponent_sums_) std::fill_n(of_channel.data(), tokens, Lanes<T>{});
    in_.pad(checkpoint, count, start_.data());
    for (int64_t i = 0; i < count; ++i) {
      const int64_t e = first + i;
      for (int64_t n = 0; n < in_.padded_states; n += kVectors * kLanes<T>) {
        const ScanStep<T> at = chunk_.at(in_, channel, e, n);
        for (int v = 0; v < kVectors; ++v) {
          states_[v] = load_lanes(start_.data() + i * in_.padded_states + n + v * kLanes<T>);
        }
        recompute<T, kVectors>(at, tokens, states_.data(), decays_.data());
        const BackwardStep<T> d{d_read_out_[0].data() + e,
                                d_B_.data() + n,
                                d_C_.data() + n,
                                d_state_.data() + e * in_.padded_states + n,
                                shared_.A.data() + (channel + e) * in_.padded_states + n,
                                added_sums_[i].data(),
                                exponent_sums_[i].data()};
        run_back<T, kVectors>(at, d, tokens, states_.data(), decays_.data());
      }
    }
    add_up(added_sums_, tokens, first, d_added_);
    add_up(exponent_sums_, tokens, first, d_exponent_);
  }

  // y = ungated SiLU(z): the gradients of z and, without the skip, of C . h.
  void ungate(int64_t token, int64_t channel, int64_t width, T* d_read_out) {
    const T *d_y = d_.d_y.row(token) + channel, *z = in_.z.row(token) + channel;
    const T *ungated = d_.ungated.row(token) + channel, *x = in_.x.row(token) + channel;
    T *d_z = d_.d_z.row(token) + channel, *d_D = shared_.D.data() + channel;
#pragma omp simd
    for (int64_t e = 0; e < width; ++e) {
      d_z[e] = d_y[e] * ungated[e] * silu_derivative_of(z[e]);
      d_read_out[e] = d_y[e] * silu_of(z[e]);
      d_D[e] += d_read_out[e] * x[e];
    }
  }

  void finish(int64_t token, int64_t channel, int64_t width, int64_t t) {
    const T *d_added = d_added_[t].data(), *d_exponent = d_exponent_[t].data();
    const T *d_read_out = d_read_out_[t].data(), *step = chunk_.step[t].data();
    const T *x = in_.x.row(token) + channel, *dt = in_.dt.row(token) + channel;
    const T *D = in_.D + channel, *bias = in_.dt_bias + channel;
    T *d_x = d_.d_x.row(token) + channel, *d_dt = d_.d_dt.row(token) + channel;
    T* d_bias = shared_.dt_bias.data() + channel;
    constexpr T kLn2 = static_cast<T>(1 / kLog2E);  // `rates` are A log2(e).
#pragma omp simd
    for (int64_t e = 0; e < width; ++e) {
      d_x[e] = d_added[e] * step[e] + d_read_out[e] * D[e];
      d_dt[e] = (d_added[e] * x[e] + d_exponent[e] * kLn2) * sigmoid_of(dt[e] + bias[e]);
      d_bias[e] += d_dt[e];
    }
  }

  const ScanNumbers<T>& in_;
  const BackwardNumbers<T>& d_;
  SharedSums<T>& shared_;
  ChunkInputs<T> chunk_;
  std::vector<T> d_state_;    // [kScanGroup, padded_states]
  std::vector<T> d_B_, d_C_;  // [kScanChunk, padded_states]
  std::vector<T> start_;      // [kLanes, padded_states]
  std::array<Lanes<T>, (kScanChunk + 1) * kVectors> states_;
  std::array<Lanes<T>, kScanChunk * kVectors> decays_;
  LaneSums<T> added_sums_, exponent_sums_;
  GroupRows<T> d_read_out_, d_added_, d_exponent_;
};

template <typename T>
SharedSums<T> run_backward(const SelectiveScanInputs& inputs, const BackwardNumbers<T>& d) {
  return with_slab<T>(inputs.A_EN.size(1), [&]<int kVectors>() {
    const ScanNumbers<T> in(inputs, kVectors * kLanes<T>);
    const WorkParts parts(inputs.offsets_S1, in.groups(), 2 * kScanGroup * in.padded_states);
    std::vector<SharedSums<T>> sums(parts.count(), SharedSums<T>(in));
    parts.run([&](int64_t part, const Unit* first, const Unit* last) {
      const auto task = std::make_unique<BackwardTask<T, kVectors>>(in, d, sums[part]);
      for (const Unit* unit = first; unit != last; ++unit) task->run(*unit);
    });
    for (size_t part = 1; part < sums.size(); ++part) sums[0].add(sums[part]);
    in.unpad(sums[0].A.data(), in.channels, sums[0].A.data());
    return std::move(sums[0]);
  });
}

// [G, T, N] -> the sum over G, in order.
at::Tensor sum_of_groups(const at::Tensor& parts_GTN) {
  const at::Tensor sum_TN = parts_GTN[0];
  for (int64_t group = 1; group < parts_GTN.size(0); ++group) sum_TN.add_(parts_GTN[group]);
  return sum_TN;
}

}  // namespace

SelectiveScanGradients selective_scan_backward_cpu(const SelectiveScanInputs& inputs,
                                                   const SelectiveScanKept& kept,
                                                   const at::Tensor& d_y_TE) {
  const auto like = [](const at::Tensor& t) { return at::empty(t.sizes(), t.options()); };
  const int64_t tokens = inputs.x_TE.size(0), channels = inputs.A_EN.size(0);
  const int64_t groups = (channels + kScanGroup - 1) / kScanGroup;
  const at::Tensor d_B_GTN =
      at::empty({groups, tokens, inputs.A_EN.size(1)}, inputs.x_TE.options());
  const at::Tensor d_C_GTN = like(d_B_GTN);
  SelectiveScanGradients d{.x = like(inputs.x_TE),
                           .dt = like(inputs.x_TE),
                           .A = like(inputs.A_EN),
                           .D = like(inputs.D_E),
                           .z = like(inputs.x_TE),
                           .dt_bias = like(inputs.D_E)};
  AT_DISPATCH_FLOATING_TYPES(inputs.x_TE.scalar_type(), "selective_scan", [&] {
    using Rows = RowsOf<scalar_t>;
    const SharedSums<scalar_t> sums = run_backward<scalar_t>(
        inputs, {Rows(d_y_TE), Rows(kept.ungated_TE), Rows(d.x), Rows(d.dt), Rows(d.z),
                 kept.checkpoints_PEN.data_ptr<scalar_t>(), d_B_GTN.data_ptr<scalar_t>(),
                 d_C_GTN.data_ptr<scalar_t>(), tokens});
    std::copy_n(sums.A.data(), d.A.numel(), d.A.data_ptr<scalar_t>());
    std::copy_n(sums.D.data(), channels, d.D.data_ptr<scalar_t>());
    std::copy_n(sums.dt_bias.data(), channels, d.dt_bias.data_ptr<scalar_t>());
  });
  d.B = sum_of_groups(d_B_GTN);
  d.C = sum_of_groups(d_C_GTN);
  return d;
}

}  // namespace seqsweep
