// The selective scan on CUDA, of float or bfloat16. A block is 32 channels of one sequence and goes
// through it in chunks; P threads share a channel, each with 8 of its states in registers: number p
// of them holds states p, p + P, ... A backward block computes the states of a chunk again from its
// checkpoint into shared memory. No atomics: the same bits on every call. Legend: E channels of the
// block, N states padded to 8 P.
#include "kernels/cuda_launch.h"
#include "kernels/cuda_numbers.h"
#include "kernels/cuda_rows.h"
#include "kernels/selective_scan_cuda.h"

namespace seqsweep {

namespace {

constexpr int kStates = 8, kChannels = kScanChannelsABlock, kChunk = kScanChunkCuda;
constexpr float kLog2E = 1.44269504F;

using Rows = float[kChunk][kChannels];

__device__ float softplus(float x) {
  return x > 20 ? x : log1pf(expf(x));
}
template <typename T>
__device__ T* at(TokenRows rows, int64_t token, int column) {
  return static_cast<T*>(rows.data) + token * rows.stride + column;
}

// What a block is, and what of it a thread is.
template <int P>
struct Place {
  static constexpr int kThreads = kChannels * P;
  int sequence = blockIdx.x, first_channel = blockIdx.y * kChannels;
  int channel = first_channel + threadIdx.x / P, column = threadIdx.x / P, lane = threadIdx.x % P;
  int begin, length;
  __device__ explicit Place(const SelectiveScanParams& p)
      : begin(p.offsets[blockIdx.x]), length(p.offsets[blockIdx.x + 1] - begin) {}
  __device__ int state(int j) const { return lane + P * j; }
  __device__ bool holds(const SelectiveScanParams& p, int j) const {
    return channel < p.channels && state(j) < p.states;
  }
  // Of this thread's state j in a [*, E, N].
  __device__ int64_t index(const SelectiveScanParams& p, int64_t row, int j) const {
    return (row * p.channels + channel) * p.states + state(j);
  }
  __device__ int64_t checkpoint_row(int first) const {
    return begin / kChunk + sequence + first / kChunk;
  }
};

// A chunk's inputs in shared memory; zeros for channels and states that are padding.
template <int P>
struct Chunk {
  Rows step, x;
  float B[kChunk][kStates * P], C[kChunk][kStates * P];

  // Ends before a barrier.
  template <typename T>
  __device__ void read(const SelectiveScanParams& p, const Place<P>& place, int token, int tokens) {
    for (int i = threadIdx.x; i < tokens * kChannels; i += Place<P>::kThreads) {
      const int t = i / kChannels, c = i % kChannels, e = place.first_channel + c;
      const bool real = e < p.channels;
      step[t][c] = real ? softplus(load(at<T>(p.dt, token + t, e)) + p.dt_bias_E[e]) : 0;
      x[t][c] = real ? load(at<T>(p.x, token + t, e)) : 0;
    }
    for (int i = threadIdx.x; i < tokens * kStates * P; i += Place<P>::kThreads) {
      const int t = i / (kStates * P), n = i % (kStates * P);
      B[t][n] = n < p.states ? load(at<T>(p.B, token + t, n)) : 0;
      C[t][n] = n < p.states ? load(at<T>(p.C, token + t, n)) : 0;
    }
  }
};

// The sum over the P threads of a channel, in each of them.
template <int P>
__device__ float sum_of_channel(float x) {
#pragma unroll
  for (int step = P / 2; step > 0; step /= 2) x += __shfl_xor_sync(~0U, x, step);
  return x;
}

template <typename T, int P>
__global__ void __launch_bounds__(kChannels* P) forward_kernel(SelectiveScanParams p) {
  const Place<P> place(p);
  __shared__ Chunk<P> chunk;
  __shared__ Rows read_out;  // C . h
  float h[kStates], rate[kStates];
#pragma unroll
  for (int j = 0; j < kStates; ++j) {
    const bool real = place.holds(p, j);
    rate[j] = real ? p.A_EN[place.index(p, 0, j)] * kLog2E : 0;
    h[j] = real && p.state_SEN != nullptr ? p.state_SEN[place.index(p, place.sequence, j)] : 0;
  }
  for (int first = 0; first < place.length; first += kChunk) {
    const int token = place.begin + first, tokens = min(kChunk, place.length - first);
    if (p.checkpoints_PEN != nullptr) {
#pragma unroll
      for (int j = 0; j < kStates; ++j) {
        if (!place.holds(p, j)) continue;
        p.checkpoints_PEN[place.index(p, place.checkpoint_row(first), j)] = h[j];
      }
    }
    chunk.template read<T>(p, place, token, tokens);
    __syncthreads();
    for (int t = 0; t < tokens; ++t) {
      const float step = chunk.step[t][place.column], added = step * chunk.x[t][place.column];
      float sum = 0;
#pragma unroll
      for (int j = 0; j < kStates; ++j) {
        h[j] = exp2f(step * rate[j]) * h[j] + added * chunk.B[t][place.state(j)];
        sum += h[j] * chunk.C[t][place.state(j)];
      }
      sum = sum_of_channel<P>(sum);
      if (place.lane == 0) read_out[t][place.column] = sum;
    }
    __syncthreads();
    for (int i = threadIdx.x; i < tokens * kChannels; i += Place<P>::kThreads) {
      const int t = i / kChannels, c = i % kChannels, e = place.first_channel + c;
      if (e >= p.channels) continue;
      const float ungated = read_out[t][c] + p.D_E[e] * chunk.x[t][c];
      const float z = load(at<T>(p.z, token + t, e));
      if (p.ungated.data != nullptr) *at<float>(p.ungated, token + t, e) = ungated;
      store(at<T>(p.y, token + t, e), ungated * z * sigmoid_of(z));
    }
    __syncthreads();
  }
  if (p.state_SEN == nullptr) return;
#pragma unroll
  for (int j = 0; j < kStates; ++j) {
    if (place.holds(p, j)) p.state_SEN[place.index(p, place.sequence, j)] = h[j];
  }
}

// Sums of 8 values a thread over the 32 channels of a block. Within a warp threads swap halves of
// their values as long as they have more than one, so that each ends with the sum of a few of them;
// the warps' sums meet in shared memory.
template <int P>
struct ChannelSums {
  static constexpr int kWarps = P, kPadded = kStates * P;
  float by_warp[kWarps][kPadded];

  __device__ void put(const Place<P>& place, float (&values)[kStates]) {
    int kept = kStates, first = 0;  // This thread has values first .. first + kept.
    bool writes = true;
#pragma unroll
    for (int step = P; step < 32; step *= 2) {
      const bool upper = (threadIdx.x & step) != 0;
      if (kept > 1) {
        kept /= 2;
#pragma unroll
        for (int i = 0; i < kStates / 2; ++i) {
          if (i >= kept) break;
          const float sent = upper ? values[i] : values[i + kept];
          const float own = upper ? values[i + kept] : values[i];
          values[i] = own + __shfl_xor_sync(~0U, sent, step);
        }
        if (upper) first += kept;
      } else {
        values[0] += __shfl_xor_sync(~0U, values[0], step);
        writes = writes && !upper;
      }
    }
    if (!writes) return;
#pragma unroll
    for (int i = 0; i < kStates; ++i) {
      if (i < kept) by_warp[threadIdx.x / 32][place.state(first + i)] = values[i];
    }
  }

  // After a barrier.
  __device__ float sum(int n) const {
    float sum = 0;
    for (int warp = 0; warp < kWarps; ++warp) sum += by_warp[warp][n];
    return sum;
  }
};

template <int P>
struct BackwardShared {
  Chunk<P> chunk;
  Rows d_read_out, d_added, d_exponent;
  // Of even and odd tokens: one barrier a token. With so many states an sm_80 has no room for both.
  static constexpr int kSums = P < 16 ? 2 : 1;
  ChannelSums<P> d_B[kSums], d_C[kSums];
  float states[kChunk][kStates][kChannels * P];  // Before each token.
};

template <int P>
struct BackwardThread {
  float rate[kStates], h[kStates], g[kStates] = {}, d_A[kStates] = {};
  float d_D = 0, d_dt_bias = 0;  // Of channel threadIdx.x % 32, over some of the tokens.

  template <typename T>
  __device__ void ungate(const SelectiveScanParams& p, const Place<P>& place, BackwardShared<P>& s,
                         int token, int tokens) {
    for (int i = threadIdx.x; i < tokens * kChannels; i += Place<P>::kThreads) {
      const int t = i / kChannels, c = i % kChannels, e = place.first_channel + c;
      s.d_read_out[t][c] = 0;
      if (e >= p.channels) continue;
      const float z = load(at<T>(p.z, token + t, e)), d_y = load(at<T>(p.d_y, token + t, e));
      const float gate = sigmoid_of(z), ungated = *at<float>(p.ungated, token + t, e);
      store(at<T>(p.d_z, token + t, e), d_y * ungated * gate * (1 + z * (1 - gate)));
      s.d_read_out[t][c] = d_y * z * gate;
      d_D += s.d_read_out[t][c] * load(at<T>(p.x, token + t, e));
    }
  }

  // From the state before the chunk, in h, to the one after it.
  __device__ void recompute(const Place<P>& place, BackwardShared<P>& s, int tokens) {
    for (int t = 0; t < tokens; ++t) {
      const float step = s.chunk.step[t][place.column];
      const float added = step * s.chunk.x[t][place.column];
#pragma unroll
      for (int j = 0; j < kStates; ++j) {
        s.states[t][j][threadIdx.x] = h[j];
        h[j] = exp2f(step * rate[j]) * h[j] + added * s.chunk.B[t][place.state(j)];
      }
    }
  }

  __device__ void run_back(const SelectiveScanParams& p, const Place<P>& place,
                           BackwardShared<P>& s, int token, int tokens) {
    constexpr int kSums = BackwardShared<P>::kSums;
    for (int t = tokens - 1; t >= 0; --t) {
      const float step = s.chunk.step[t][place.column];
      const float added = step * s.chunk.x[t][place.column];
      const float d_read_out = s.d_read_out[t][place.column];
      float d_added = 0, d_exponent = 0, d_B[kStates], d_C[kStates];
#pragma unroll
      for (int j = 0; j < kStates; ++j) {
        const int n = place.state(j);
        d_C[j] = d_read_out * h[j];
        g[j] += d_read_out * s.chunk.C[t][n];
        d_added += g[j] * s.chunk.B[t][n];
        d_B[j] = added * g[j];
        h[j] = s.states[t][j][threadIdx.x];
        g[j] *= exp2f(step * rate[j]);
        d_exponent += g[j] * h[j] * rate[j];
        d_A[j] += g[j] * h[j] * step;
      }
      d_added = sum_of_channel<P>(d_added);
      d_exponent = sum_of_channel<P>(d_exponent);
      if (place.lane == 0) {
        s.d_added[t][place.column] = d_added;
        s.d_exponent[t][place.column] = d_exponent / kLog2E;
      }
      s.d_B[t % kSums].put(place, d_B);
      s.d_C[t % kSums].put(place, d_C);
      __syncthreads();
      for (int n = threadIdx.x; n < p.states; n += Place<P>::kThreads) {
        const int64_t index = (blockIdx.y * p.tokens + token + t) * p.states + n;
        p.d_B_GTN[index] = s.d_B[t % kSums].sum(n);
        p.d_C_GTN[index] = s.d_C[t % kSums].sum(n);
      }
      if (kSums == 1) __syncthreads();
    }
  }

  template <typename T>
  __device__ void finish(const SelectiveScanParams& p, const Place<P>& place,
                         const BackwardShared<P>& s, int token, int tokens) {
    for (int i = threadIdx.x; i < tokens * kChannels; i += Place<P>::kThreads) {
      const int t = i / kChannels, c = i % kChannels, e = place.first_channel + c;
      if (e >= p.channels) continue;
      const float x = s.chunk.x[t][c], d_added = s.d_added[t][c];
      store(at<T>(p.d_x, token + t, e),
            d_added * s.chunk.step[t][c] + s.d_read_out[t][c] * p.D_E[e]);
      const float dt = load(at<T>(p.dt, token + t, e)) + p.dt_bias_E[e];
      const float d_dt = (d_added * x + s.d_exponent[t][c]) * sigmoid_of(dt);
      store(at<T>(p.d_dt, token + t, e), d_dt);
      d_dt_bias += d_dt;
    }
  }
};

template <typename T, int P>
__global__ void __launch_bounds__(kChannels* P) backward_kernel(SelectiveScanParams p) {
  extern __shared__ float shared[];
  BackwardShared<P>& s = *reinterpret_cast<BackwardShared<P>*>(shared);
  const Place<P> place(p);
  BackwardThread<P> thread;
#pragma unroll
  for (int j = 0; j < kStates; ++j) {
    thread.rate[j] = place.holds(p, j) ? p.A_EN[place.index(p, 0, j)] * kLog2E : 0;
  }
  for (int first = (place.length - 1) / kChunk * kChunk; first >= 0 && place.length > 0;
       first -= kChunk) {
    const int token = place.begin + first, tokens = min(kChunk, place.length - first);
#pragma unroll
    for (int j = 0; j < kStates; ++j) {
      const int64_t row = place.checkpoint_row(first);
      thread.h[j] = place.holds(p, j) ? p.checkpoints_PEN[place.index(p, row, j)] : 0;
    }
    s.chunk.template read<T>(p, place, token, tokens);
    thread.template ungate<T>(p, place, s, token, tokens);
    __syncthreads();
    thread.recompute(place, s, tokens);
    thread.run_back(p, place, s, token, tokens);
    thread.template finish<T>(p, place, s, token, tokens);
    __syncthreads();
  }
#pragma unroll
  for (int j = 0; j < kStates; ++j) {
    if (!place.holds(p, j)) continue;
    p.d_A_SEN[place.index(p, place.sequence, j)] = thread.d_A[j];
  }
  // Each of the P warps summed some tokens of the 32 channels.
  const int warp = threadIdx.x / 32, c = threadIdx.x % 32, e = place.first_channel + c;
  float* const sums = &s.states[0][0][0];
  sums[threadIdx.x] = thread.d_D;
  sums[Place<P>::kThreads + threadIdx.x] = thread.d_dt_bias;
  __syncthreads();
  if (warp > 0 || e >= p.channels) return;
  float d_D = 0, d_dt_bias = 0;
  for (int i = c; i < Place<P>::kThreads; i += 32) {
    d_D += sums[i];
    d_dt_bias += sums[Place<P>::kThreads + i];
  }
  p.d_D_SE[int64_t(place.sequence) * p.channels + e] = d_D;
  p.d_dt_bias_SE[int64_t(place.sequence) * p.channels + e] = d_dt_bias;
}

template <typename T, int P>
const char* launch(const SelectiveScanParams& p, bool backward) {
  const dim3 grid(p.sequences, (p.channels + kChannels - 1) / kChannels);
  const auto kernel = backward ? backward_kernel<T, P> : forward_kernel<T, P>;
  const int bytes = backward ? static_cast<int>(sizeof(BackwardShared<P>)) : 0;
  cudaError_t error =
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
  if (error == cudaSuccess) {
    kernel<<<grid, kChannels * P, bytes, cuda_stream()>>>(p);
    error = cudaGetLastError();
  }
  return text_of(error);
}

template <typename T>
const char* launch_for_states(const SelectiveScanParams& p, bool backward) {
  if (p.sequences == 0) return nullptr;
  if (p.states <= 8) return launch<T, 1>(p, backward);
  if (p.states <= 16) return launch<T, 2>(p, backward);
  if (p.states <= 32) return launch<T, 4>(p, backward);
  if (p.states <= 64) return launch<T, 8>(p, backward);
  if (p.states <= 128) return launch<T, 16>(p, backward);
  return "more than 128 states a channel are not supported";
}

const char* launch_for_numbers(const SelectiveScanParams& p, bool backward) {
  return p.bf16 ? launch_for_states<Bfloat16>(p, backward) : launch_for_states<float>(p, backward);
}

const char* forward(const SelectiveScanParams& p) {
  return launch_for_numbers(p, /*backward=*/false);
}
const char* backward(const SelectiveScanParams& p) {
  return launch_for_numbers(p, /*backward=*/true);
}

// Loading the plug-in fills the slot.
const int kFilled = (selective_scan_cuda = {forward, backward}, 0);

}  // namespace

}  // namespace seqsweep
