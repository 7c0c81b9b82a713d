// The packed depthwise convolution with SiLU on CUDA, of float or bfloat16: a thread is one channel
// of a tile of tokens, which may span sequences. It keeps its window in registers and moves it on;
// wide windows it reads anew for each token. No atomics: the same bits on every call.
#include "kernels/conv1d_silu_cuda.h"
#include "kernels/cuda_launch.h"
#include "kernels/cuda_numbers.h"
#include "kernels/cuda_rows.h"

namespace seqsweep {

namespace {

constexpr int kTokens = kConvTokensWhereWide, kThreads = 128;
constexpr int kAhead = 8;  // Tokens that a thread reads at once.

// The same with numbers of T.
template <typename T>
struct Conv : Conv1dSiluParams {
  __device__ float x(int64_t i) const { return load(static_cast<const T*>(x_TC) + i); }
  __device__ float d_y(int64_t i) const { return load(static_cast<const T*>(d_y_TC) + i); }
  __device__ T* tail(int64_t i) const { return static_cast<T*>(tail_SKC) + i; }
  __device__ T* y(int64_t i) const { return static_cast<T*>(y_TC) + i; }
  __device__ T* d_x(int64_t i) const { return static_cast<T*>(d_x_TC) + i; }
};

// The sequence of a token, moved on token by token.
struct Sequence {
  int number, begin, end;
  __device__ Sequence(const Conv1dSiluParams& p, int64_t token) {
    int low = 0, high = static_cast<int>(p.sequences);  // offsets[low] <= token < offsets[high]
    while (high - low > 1) {
      const int middle = (low + high) / 2;
      (p.offsets[middle] <= token ? low : high) = middle;
    }
    number = low;
    begin = p.offsets[low];
    end = p.offsets[low + 1];
  }
  __device__ void move_to(const Conv1dSiluParams& p, int64_t token) {
    while (token >= end) {
      begin = end;
      end = p.offsets[++number + 1];
    }
  }
};

// Zero outside of the sequence, where no tail lies before it.
template <typename T>
__device__ float input(const Conv<T>& p, const Sequence& sequence, int64_t token, int c) {
  if (token >= sequence.end) return 0;
  if (token >= sequence.begin) return p.x(token * p.x_stride + c);
  if (p.tail_SKC == nullptr) return 0;
  const int64_t row = int64_t(sequence.number + 1) * (p.width - 1) + token - sequence.begin;
  return load(p.tail(row * p.channels + c));
}

template <typename T>
__device__ float window_sum(const Conv<T>& p, const Sequence& sequence, int64_t token, int c) {
  float sum = p.bias_C[c];
  for (int k = 0; k < p.width; ++k) {
    sum += p.weight_CK[c * p.width + k] * input(p, sequence, token + k - p.before, c);
  }
  return sum;
}

struct Place {
  int first, last;  // Tokens of the tile.
  int channel;
  __device__ explicit Place(const Conv1dSiluParams& p)
      : first(static_cast<int>(blockIdx.x) * p.tokens_a_block),
        last(static_cast<int>(min(p.tokens, int64_t(first) + p.tokens_a_block))),
        channel(blockIdx.y * kThreads + threadIdx.x) {}
};

__device__ float* d_parts_of_block(const Conv1dSiluParams& p) {
  return p.d_parts + int64_t(blockIdx.x) * p.channels * (p.width + 1);
}

// The last kWidth numbers that were pushed.
template <int kWidth>
struct Window {
  float of[kWidth] = {};
  __device__ void push(float x) {
#pragma unroll
    for (int k = 0; k + 1 < kWidth; ++k) of[k] = of[k + 1];
    of[kWidth - 1] = x;
  }
};

// One channel's kernel and input. Windows lie over the tokens, whatever sequence they are of.
template <int kWidth>
struct Channel {
  int c;
  float bias, weight[kWidth];
  __device__ Channel(const Conv1dSiluParams& p, int channel) : c(channel), bias(p.bias_C[channel]) {
#pragma unroll
    for (int k = 0; k < kWidth; ++k) weight[k] = p.weight_CK[channel * kWidth + k];
  }
  template <typename T>
  __device__ float x(const Conv<T>& p, int token) const {
    return token >= 0 && token < p.tokens ? p.x(int64_t(token) * p.x_stride + c) : 0;
  }
  // The next x that is pushed is the last of the first token's window.
  template <typename T>
  __device__ Window<kWidth> window_before(const Conv<T>& p, int token) const {
    Window<kWidth> window;
#pragma unroll
    for (int k = 0; k + 1 < kWidth; ++k) window.push(x(p, token - p.before + k));
    return window;
  }
  // What the token sees of its window, and its sum.
  template <typename T>
  __device__ float sum(const Conv<T>& p, const Sequence& sequence, int token,
                       Window<kWidth>& seen) const {
    const int begin = token - p.before;
    if (begin < sequence.begin || begin + kWidth > sequence.end) {
#pragma unroll
      for (int k = 0; k < kWidth; ++k) {
        const int at = begin + k;
        if (at < sequence.begin || at >= sequence.end) seen.of[k] = input(p, sequence, at, c);
      }
    }
    float sum = bias;
#pragma unroll
    for (int k = 0; k < kWidth; ++k) sum += weight[k] * seen.of[k];
    return sum;
  }
};

template <typename T, int kWidth>
__global__ void forward_window_kernel(Conv<T> p) {
  const Place place(p);
  if (place.channel >= p.channels) return;
  const Channel<kWidth> channel(p, place.channel);
  Sequence sequence(p, place.first);
  Window<kWidth> window = channel.window_before(p, place.first);
  for (int ahead = place.first; ahead < place.last; ahead += kAhead) {
    float x[kAhead];
#pragma unroll
    for (int i = 0; i < kAhead; ++i) x[i] = channel.x(p, ahead + i - p.before + kWidth - 1);
#pragma unroll
    for (int i = 0; i < kAhead; ++i) {
      const int token = ahead + i;
      if (token >= place.last) break;
      window.push(x[i]);
      sequence.move_to(p, token);
      Window<kWidth> seen = window;
      const float sum = channel.sum(p, sequence, token, seen);
      store(p.y(int64_t(token) * p.channels + place.channel), sum * sigmoid_of(sum));
    }
  }
}

// Token t is number k in the window of token t - k + before: the gradients of the sums of all these
// tokens are computed again in the tiles beside.
template <typename T, int kWidth>
__global__ void backward_window_kernel(Conv<T> p) {
  const Place place(p);
  const int c = place.channel;
  if (c >= p.channels) return;
  const Channel<kWidth> channel(p, c);
  const int start = place.first + p.before - (kWidth - 1), end = place.last + p.before;
  Sequence sequence(p, start > 0 ? start : 0), of_input = sequence;
  Window<kWidth> window = channel.window_before(p, start), d_sums;
  float d_bias = 0, d_weight[kWidth] = {};
  for (int ahead = start; ahead < end; ahead += kAhead) {
    float x[kAhead], d_y[kAhead];
#pragma unroll
    for (int i = 0; i < kAhead; ++i) {
      const int token = ahead + i;
      x[i] = channel.x(p, token - p.before + kWidth - 1);
      d_y[i] = token >= 0 && token < p.tokens ? p.d_y(int64_t(token) * p.d_y_stride + c) : 0;
    }
#pragma unroll
    for (int i = 0; i < kAhead; ++i) {
      const int token = ahead + i, in = token - p.before;
      if (token >= end) break;
      window.push(x[i]);
      float d_sum = 0;
      if (token >= 0 && token < p.tokens) {
        sequence.move_to(p, token);
        Window<kWidth> seen = window;
        const float sum = channel.sum(p, sequence, token, seen), gate = sigmoid_of(sum);
        d_sum = d_y[i] * gate * (1 + sum * (1 - gate));
        if (token >= place.first && token < place.last) {
          d_bias += d_sum;
#pragma unroll
          for (int k = 0; k < kWidth; ++k) d_weight[k] += d_sum * seen.of[k];
        }
      }
      d_sums.push(d_sum);
      if (in < place.first || in >= place.last) continue;
      of_input.move_to(p, in);
      const bool inside = token - (kWidth - 1) >= of_input.begin && token < of_input.end;
      float d_x = 0;
#pragma unroll
      for (int k = 0; k < kWidth; ++k) {
        const int of = token - k;
        if (!inside && (of < of_input.begin || of >= of_input.end)) continue;
        d_x += channel.weight[k] * d_sums.of[kWidth - 1 - k];
      }
      store(p.d_x(int64_t(in) * p.channels + c), d_x);
    }
  }
  float* parts = d_parts_of_block(p);
#pragma unroll
  for (int k = 0; k < kWidth; ++k) parts[c * kWidth + k] = d_weight[k];
  parts[p.channels * kWidth + c] = d_bias;
}

template <typename T>
__global__ void forward_kernel(Conv<T> p) {
  const Place place(p);
  if (place.channel >= p.channels) return;
  Sequence sequence(p, place.first);
  for (int64_t token = place.first; token < place.last; ++token) {
    sequence.move_to(p, token);
    const float sum = window_sum(p, sequence, token, place.channel);
    store(p.y(int64_t(token) * p.channels + place.channel), sum * sigmoid_of(sum));
  }
}

// After the forward: rows move towards the front only, so each is read before it is overwritten.
template <typename T>
__global__ void move_tail_kernel(Conv<T> p) {
  const int c = blockIdx.y * kThreads + threadIdx.x, kept = p.width - 1;
  if (c >= p.channels) return;
  const int64_t begin = p.offsets[blockIdx.x], length = p.offsets[blockIdx.x + 1] - begin;
  T* const tail = p.tail(int64_t(blockIdx.x) * kept * p.channels + c);
  for (int j = 0; j < kept; ++j) {
    const int64_t t = length - kept + j;
    const float moved =
        t >= 0 ? p.x((begin + t) * p.x_stride + c) : load(tail + (kept + t) * p.channels);
    store(tail + int64_t(j) * p.channels, moved);
  }
}

template <typename T>
__global__ void d_sum_kernel(Conv<T> p) {
  const Place place(p);
  const int c = place.channel;
  if (c >= p.channels) return;
  float d_sum[kTokens], d_bias = 0;
  Sequence sequence(p, place.first);
#pragma unroll
  for (int i = 0; i < kTokens; ++i) {
    const int64_t token = place.first + i;
    d_sum[i] = 0;
    if (token >= place.last) continue;
    sequence.move_to(p, token);
    const float sum = window_sum(p, sequence, token, c), gate = sigmoid_of(sum);
    d_sum[i] = p.d_y(int64_t(token) * p.d_y_stride + c) * gate * (1 + sum * (1 - gate));
    p.d_sum_TC[int64_t(token) * p.channels + c] = d_sum[i];
    d_bias += d_sum[i];
  }
  float* parts = d_parts_of_block(p);
  parts[p.channels * p.width + c] = d_bias;
  for (int k = 0; k < p.width; ++k) {
    float d_weight = 0;
    Sequence at(p, place.first);
#pragma unroll
    for (int i = 0; i < kTokens; ++i) {
      const int64_t token = place.first + i;
      if (token >= place.last) continue;
      at.move_to(p, token);
      d_weight += d_sum[i] * input(p, at, token + k - p.before, c);
    }
    parts[c * p.width + k] = d_weight;
  }
}

// Token t is number k in the window of token t - k + before.
template <typename T>
__global__ void d_input_kernel(Conv<T> p) {
  const Place place(p);
  const int c = place.channel;
  if (c >= p.channels) return;
  Sequence sequence(p, place.first);
  for (int64_t token = place.first; token < place.last; ++token) {
    sequence.move_to(p, token);
    float d_x = 0;
    for (int k = 0; k < p.width; ++k) {
      const int64_t of = token - k + p.before;
      if (of < sequence.begin || of >= sequence.end) continue;
      d_x += p.weight_CK[c * p.width + k] * p.d_sum_TC[of * p.channels + c];
    }
    store(p.d_x(int64_t(token) * p.channels + c), d_x);
  }
}

// x: tiles or sequences.
template <typename T>
const char* launch(void (*kernel)(Conv<T>), const Conv<T>& p, int64_t x) {
  const dim3 grid(static_cast<unsigned>(x), (p.channels + kThreads - 1) / kThreads);
  if (grid.x == 0 || grid.y == 0) return nullptr;
  kernel<<<grid, kThreads, 0, cuda_stream()>>>(p);
  return text_of(cudaGetLastError());
}

int64_t tiles_of(const Conv1dSiluParams& p) {
  return (p.tokens + p.tokens_a_block - 1) / p.tokens_a_block;
}

// Of narrow windows the kernels made for just this width, from kWidth down.
template <typename T, int kWidth = kConvNarrow>
const char* launch_window(const Conv<T>& p, bool backward) {
  if (p.width < kWidth) {
    if constexpr (kWidth > 1) return launch_window<T, kWidth - 1>(p, backward);
  }
  return launch(backward ? backward_window_kernel<T, kWidth> : forward_window_kernel<T, kWidth>, p,
                tiles_of(p));
}

template <typename T>
const char* forward_of(const Conv<T>& p) {
  const char* error = p.width <= kConvNarrow ? launch_window(p, /*backward=*/false)
                                             : launch(forward_kernel<T>, p, tiles_of(p));
  if (error != nullptr || p.tail_SKC == nullptr) return error;
  return launch(move_tail_kernel<T>, p, p.sequences);
}

template <typename T>
const char* backward_of(const Conv<T>& p) {
  if (p.width <= kConvNarrow) return launch_window(p, /*backward=*/true);
  if (const char* error = launch(d_sum_kernel<T>, p, tiles_of(p))) return error;
  return launch(d_input_kernel<T>, p, tiles_of(p));
}

const char* forward(const Conv1dSiluParams& p) {
  return p.bf16 ? forward_of(Conv<Bfloat16>{p}) : forward_of(Conv<float>{p});
}
const char* backward(const Conv1dSiluParams& p) {
  return p.bf16 ? backward_of(Conv<Bfloat16>{p}) : backward_of(Conv<float>{p});
}

// Loading the plug-in fills the slot.
const int kFilled = (conv1d_silu_cuda = {forward, backward}, 0);

}  // namespace

}  // namespace seqsweep
