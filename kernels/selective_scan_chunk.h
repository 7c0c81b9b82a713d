// One chunk of tokens of one group of channels, which both passes of the CPU scan work on. States
// lie along the lanes of vectors, so that B, C and their gradients need no sums across lanes; what
// is summed over states is summed for several channels at once. Legend: E channels of a group, N
// states, padded with zeros to a multiple of the slab's width.
#pragma once

#include <algorithm>
#include <array>
#include <vector>

#include "core/base/error.h"
#include "kernels/activations.h"
#include "kernels/lanes.h"
#include "kernels/packed_rows.h"
#include "kernels/row_math.h"
#include "kernels/selective_scan.h"

namespace seqsweep {

constexpr int64_t kScanChunk = 32;  // What a channel's states and decays of a chunk take fits L1.
constexpr int64_t kScanGroup = 64;  // Channels.
constexpr double kLog2E = 1.4426950408889634;

// The inputs of a call as numbers.
template <typename T>
struct ScanNumbers {
  RowsOf<T> x, dt, B, C, z;
  const T *D, *dt_bias;
  int64_t channels, states, padded_states;
  std::vector<T> rates;  // A log2(e), padded: [channels, padded_states].

  ScanNumbers(const SelectiveScanInputs& in, int64_t slab)
      : x(in.x_TE),
        dt(in.dt_TE),
        B(in.B_TN),
        C(in.C_TN),
        z(in.z_TE),
        D(in.D_E.data_ptr<T>()),
        dt_bias(in.dt_bias_E.data_ptr<T>()),
        channels(in.A_EN.size(0)),
        states(in.A_EN.size(1)),
        padded_states((states + slab - 1) / slab * slab),
        rates(static_cast<size_t>(channels * padded_states)) {
    const T* A = in.A_EN.data_ptr<T>();
    const int64_t count = channels * states;
    if (row_max(A, count) > 0) throw_run("selective_scan: A must not be positive");
    for (int64_t e = 0; e < channels; ++e) {
      T* to = rates.data() + e * padded_states;
      for (int64_t n = 0; n < states; ++n) to[n] = A[e * states + n] * static_cast<T>(kLog2E);
    }
  }
  int64_t groups() const { return (channels + kScanGroup - 1) / kScanGroup; }

  // Between states as tensors hold them, and padded ones. The padding stays zero all along: there B
  // is zero.
  void pad(const T* from, int64_t width, T* to) const {
    for (int64_t e = 0; e < width; ++e, from += states, to += padded_states) {
      std::fill(std::copy_n(from, states, to), to + padded_states, T(0));
    }
  }
  void unpad(const T* from, int64_t width, T* to) const {
    for (int64_t e = 0; e < width; ++e, from += padded_states, to += states) {
      std::copy_n(from, states, to);
    }
  }
};

// Where the states before a chunk of a sequence are kept: no two chunks share a row, and there are
// at most T / kScanChunk + S rows.
inline int64_t checkpoint_row(const Unit& unit, int64_t chunk) {
  return unit.begin / kScanChunk + unit.sequence + chunk;
}

// Calls work.operator()<vectors of a slab>(): a slab of states stays in registers.
template <typename T, typename Work>
auto with_slab(int64_t states, const Work& work) {
  if (states <= kLanes<T>) return work.template operator()<1>();
  if (states <= 2 * kLanes<T>) return work.template operator()<2>();
  return work.template operator()<4>();
}

// What an inner loop reads of one channel and slab; steps by kScanGroup and padded_states a token.
template <typename T>
struct ScanStep {
  const T *rates, *step, *added, *B, *C;
  int64_t padded_states;
};

// Rows of a chunk, by token; what lies beyond the width of the group is never read.
template <typename T>
using GroupRows = std::array<std::array<T, kScanGroup>, kScanChunk>;

// The inputs of a chunk as the inner loops want them.
template <typename T>
struct ChunkInputs {
  GroupRows<T> step, added;  // softplus(dt + bias), and that times x.
  std::vector<T> B, C;       // [kScanChunk, padded_states]

  explicit ChunkInputs(const ScanNumbers<T>& in)
      : B(static_cast<size_t>(kScanChunk * in.padded_states)),
        C(static_cast<size_t>(kScanChunk * in.padded_states)) {}

  void fill(const ScanNumbers<T>& in, int64_t token, int64_t tokens, int64_t channel,
            int64_t width) {
    const T* bias = in.dt_bias + channel;
    for (int64_t t = 0; t < tokens; ++t) {
      const T *dt = in.dt.row(token + t) + channel, *x = in.x.row(token + t) + channel;
      T *step_row = step[t].data(), *added_row = added[t].data();
#pragma omp simd
      for (int64_t e = 0; e < width; ++e) {
        step_row[e] = softplus_of(dt[e] + bias[e]);
        added_row[e] = step_row[e] * x[e];
      }
      std::copy_n(in.B.row(token + t), in.states, B.data() + t * in.padded_states);
      std::copy_n(in.C.row(token + t), in.states, C.data() + t * in.padded_states);
    }
  }

  // Channel e of the group that begins with `channel`, states from n on.
  ScanStep<T> at(const ScanNumbers<T>& in, int64_t channel, int64_t e, int64_t n) const {
    return {in.rates.data() + (channel + e) * in.padded_states + n,
            step[0].data() + e,
            added[0].data() + e,
            B.data() + n,
            C.data() + n,
            in.padded_states};
  }
};

// sums[e][t]: vectors whose lanes are still to be added up.
template <typename T>
using LaneSums = std::array<std::array<Lanes<T>, kScanChunk>, kLanes<T>>;

// rows[t][e] = the sum of the lanes of sums[e][t], for kLanes channels from `channel` on.
template <typename T>
void add_up(const LaneSums<T>& sums, int64_t tokens, int64_t channel, GroupRows<T>& rows) {
  for (int64_t t = 0; t < tokens; ++t) {
    store_lanes<T>(rows[t].data() + channel, sum_each(&sums[0][t], kScanChunk));
  }
}

}  // namespace seqsweep
