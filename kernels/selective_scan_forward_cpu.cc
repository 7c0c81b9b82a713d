// One unit is up to 64 channels of one sequence: chunk after chunk, eight channels (four in double)
// at a time, each with its states in registers.
#include <torch/types.h>

#include "core/base/error.h"
#include "kernels/selective_scan_chunk.h"
#include "kernels/selective_scan_cpu.h"

namespace seqsweep {

namespace {

// One channel and one slab of its states through a chunk; adds the lanes of C . h to the sums.
template <typename T, int kVectors>
void advance(const ScanStep<T>& at, int64_t tokens, T* state, Lanes<T>* sums) {
  Lanes<T> rate[kVectors], h[kVectors];
  for (int v = 0; v < kVectors; ++v) {
    rate[v] = load_lanes(at.rates + v * kLanes<T>);
    h[v] = load_lanes(state + v * kLanes<T>);
  }
  for (int64_t t = 0; t < tokens; ++t) {
    const T step = at.step[t * kScanGroup], added = at.added[t * kScanGroup];
    Lanes<T> sum{};
    for (int v = 0; v < kVectors; ++v) {
      const int64_t n = t * at.padded_states + v * kLanes<T>;
      h[v] = exp2_of(step * rate[v]) * h[v] + added * load_lanes(at.B + n);
      sum += h[v] * load_lanes(at.C + n);
    }
    sums[t] += sum;
  }
  for (int v = 0; v < kVectors; ++v) store_lanes(state + v * kLanes<T>, h[v]);
}

template <typename T>
struct ForwardOutputs {
  RowsOf<T> y, ungated;  // `ungated` and `checkpoints` are null without a backward.
  T* checkpoints = nullptr;
  T* state = nullptr;  // Null: from zeros.
};

template <typename T, int kVectors>
class ForwardTask {
 public:
  ForwardTask(const ScanNumbers<T>& in, const ForwardOutputs<T>& out)
      : in_(in), out_(out), chunk_(in), state_(kScanGroup * in.padded_states) {}

  void run(const Unit& unit) {
    const int64_t channel = unit.group * kScanGroup;
    const int64_t width = std::min(kScanGroup, in_.channels - channel);
    T* kept = nullptr;
    if (out_.state == nullptr) {
      std::fill_n(state_.begin(), width * in_.padded_states, T(0));
    } else {
      kept = out_.state + (unit.sequence * in_.channels + channel) * in_.states;
      in_.pad(kept, width, state_.data());
    }
    for (int64_t first = 0; first < unit.length; first += kScanChunk) {
      if (out_.checkpoints != nullptr) {
        const int64_t row = checkpoint_row(unit, first / kScanChunk);
        in_.unpad(state_.data(), width,
                  out_.checkpoints + (row * in_.channels + channel) * in_.states);
      }
      chunk(unit.begin + first, std::min(kScanChunk, unit.length - first), channel, width);
    }
    if (kept != nullptr) in_.unpad(state_.data(), width, kept);
  }

 private:
  void chunk(int64_t token, int64_t tokens, int64_t channel, int64_t width) {
    chunk_.fill(in_, token, tokens, channel, width);
    for (int64_t first = 0; first < width; first += kLanes<T>) {
      for (auto& of_channel : sums_) std::fill_n(of_channel.data(), tokens, Lanes<T>{});
      for (int64_t e = first; e < std::min(first + kLanes<T>, width); ++e) {
        for (int64_t n = 0; n < in_.padded_states; n += kVectors * kLanes<T>) {
          advance<T, kVectors>(chunk_.at(in_, channel, e, n), tokens,
                               state_.data() + e * in_.padded_states + n, sums_[e - first].data());
        }
      }
      add_up(sums_, tokens, first, read_out_);
    }
    for (int64_t t = 0; t < tokens; ++t) gate(token + t, channel, width, read_out_[t].data());
  }

  void gate(int64_t token, int64_t channel, int64_t width, T* row) {
    const T *x = in_.x.row(token) + channel, *z = in_.z.row(token) + channel;
    const T* D = in_.D + channel;
    T* y = out_.y.row(token) + channel;
#pragma omp simd
    for (int64_t e = 0; e < width; ++e) {
      row[e] += D[e] * x[e];
      y[e] = row[e] * silu_of(z[e]);
    }
    if (out_.ungated.data != nullptr) std::copy_n(row, width, out_.ungated.row(token) + channel);
  }

  const ScanNumbers<T>& in_;
  const ForwardOutputs<T>& out_;
  ChunkInputs<T> chunk_;
  std::vector<T> state_;  // [kScanGroup, padded_states]
  LaneSums<T> sums_;
  GroupRows<T> read_out_;
};

template <typename T>
void run_forward(const SelectiveScanInputs& inputs, const ForwardOutputs<T>& out) {
  with_slab<T>(inputs.A_EN.size(1), [&]<int kVectors>() {
    const ScanNumbers<T> in(inputs, kVectors * kLanes<T>);
    const WorkParts parts(inputs.offsets_S1, in.groups(), kScanGroup * in.padded_states);
    parts.run([&](int64_t, const Unit* first, const Unit* last) {
      const auto task = std::make_unique<ForwardTask<T, kVectors>>(in, out);
      for (const Unit* unit = first; unit != last; ++unit) task->run(*unit);
    });
  });
}

}  // namespace

at::Tensor selective_scan_forward_cpu(const SelectiveScanInputs& inputs, SelectiveScanKept* kept,
                                      const at::Tensor* state_SEN) {
  const at::Tensor y = at::empty(inputs.x_TE.sizes(), inputs.x_TE.options());
  if (kept != nullptr) {
    kept->ungated_TE = at::empty_like(y);
    const int64_t rows = inputs.x_TE.size(0) / kScanChunk + inputs.offsets_S1.numel() - 1;
    kept->checkpoints_PEN =
        at::empty({rows, inputs.A_EN.size(0), inputs.A_EN.size(1)}, y.options());
  }
  AT_DISPATCH_FLOATING_TYPES(y.scalar_type(), "selective_scan", [&] {
    ForwardOutputs<scalar_t> out{.y = RowsOf<scalar_t>(y)};
    if (kept != nullptr) {
      out.ungated = RowsOf<scalar_t>(kept->ungated_TE);
      out.checkpoints = kept->checkpoints_PEN.data_ptr<scalar_t>();
    }
    if (state_SEN != nullptr) out.state = state_SEN->data_ptr<scalar_t>();
    run_forward<scalar_t>(inputs, out);
  });
  return y;
}

}  // namespace seqsweep
