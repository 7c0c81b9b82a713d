// The packed depthwise convolution with SiLU on CUDA, float32: a thread is one channel of a tile of
// 16 tokens, which may span sequences. No atomics: the same bits on every call.
#include "kernels/conv1d_silu_cuda.h"
#include "kernels/cuda_launch.h"

namespace seqsweep {

namespace {

constexpr int kTokens = kConvTokensABlock, kThreads = 128;

__device__ float sigmoid(float x) {
  return 1 / (1 + expf(-x));
}

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
__device__ float input(const Conv1dSiluParams& p, const Sequence& sequence, int64_t token, int c) {
  if (token >= sequence.end) return 0;
  if (token >= sequence.begin) return p.x_TC[token * p.x_stride + c];
  if (p.tail_SKC == nullptr) return 0;
  const int64_t row = int64_t(sequence.number + 1) * (p.width - 1) + token - sequence.begin;
  return p.tail_SKC[row * p.channels + c];
}

__device__ float window_sum(const Conv1dSiluParams& p, const Sequence& sequence, int64_t token,
                            int c) {
  float sum = p.bias_C[c];
  for (int k = 0; k < p.width; ++k) {
    sum += p.weight_CK[c * p.width + k] * input(p, sequence, token + k - p.before, c);
  }
  return sum;
}

struct Place {
  int64_t first, last;  // Tokens of the tile.
  int channel;
  __device__ explicit Place(const Conv1dSiluParams& p)
      : first(int64_t(blockIdx.x) * kTokens),
        last(first + kTokens < p.tokens ? first + kTokens : p.tokens),
        channel(blockIdx.y * kThreads + threadIdx.x) {}
};

__global__ void forward_kernel(Conv1dSiluParams p) {
  const Place place(p);
  if (place.channel >= p.channels) return;
  Sequence sequence(p, place.first);
  for (int64_t token = place.first; token < place.last; ++token) {
    sequence.move_to(p, token);
    const float sum = window_sum(p, sequence, token, place.channel);
    p.y_TC[token * p.channels + place.channel] = sum * sigmoid(sum);
  }
}

// After the forward: rows move towards the front only, so each is read before it is overwritten.
__global__ void move_tail_kernel(Conv1dSiluParams p) {
  const int c = blockIdx.y * kThreads + threadIdx.x, kept = p.width - 1;
  if (c >= p.channels) return;
  const int64_t begin = p.offsets[blockIdx.x], length = p.offsets[blockIdx.x + 1] - begin;
  float* tail = p.tail_SKC + int64_t(blockIdx.x) * kept * p.channels + c;
  for (int j = 0; j < kept; ++j) {
    const int64_t t = length - kept + j;
    tail[int64_t(j) * p.channels] =
        t >= 0 ? p.x_TC[(begin + t) * p.x_stride + c] : tail[(kept + t) * p.channels];
  }
}

__global__ void d_sum_kernel(Conv1dSiluParams p) {
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
    const float sum = window_sum(p, sequence, token, c), gate = sigmoid(sum);
    d_sum[i] = p.d_y_TC[token * p.d_y_stride + c] * gate * (1 + sum * (1 - gate));
    p.d_sum_TC[token * p.channels + c] = d_sum[i];
    d_bias += d_sum[i];
  }
  p.d_bias_PC[int64_t(blockIdx.x) * p.channels + c] = d_bias;
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
    p.d_weight_PKC[(int64_t(blockIdx.x) * p.width + k) * p.channels + c] = d_weight;
  }
}

// Token t is number k in the window of token t - k + before.
__global__ void d_input_kernel(Conv1dSiluParams p) {
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
    p.d_x_TC[token * p.channels + c] = d_x;
  }
}

// x: tiles or sequences.
const char* launch(void (*kernel)(Conv1dSiluParams), const Conv1dSiluParams& p, int64_t x) {
  const dim3 grid(static_cast<unsigned>(x), (p.channels + kThreads - 1) / kThreads);
  if (grid.x == 0 || grid.y == 0) return nullptr;
  kernel<<<grid, kThreads, 0, cuda_stream()>>>(p);
  return text_of(cudaGetLastError());
}

const char* forward(const Conv1dSiluParams& p) {
  const char* error = launch(forward_kernel, p, (p.tokens + kTokens - 1) / kTokens);
  if (error != nullptr || p.tail_SKC == nullptr) return error;
  return launch(move_tail_kernel, p, p.sequences);
}

const char* backward(const Conv1dSiluParams& p) {
  const int64_t tiles = (p.tokens + kTokens - 1) / kTokens;
  if (const char* error = launch(d_sum_kernel, p, tiles)) return error;
  return launch(d_input_kernel, p, tiles);
}

// Loading the plug-in fills the slot.
const int kFilled = (conv1d_silu_cuda = {forward, backward}, 0);

}  // namespace

}  // namespace seqsweep
