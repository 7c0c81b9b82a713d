// SSD on CUDA, float32: a block of 256 threads walks one head of one sequence, 32 tokens at a time,
// with the state in shared memory; the algebra is that of ssd_forward.h and ssd_backward.h. Tokens
// missing in the last chunk are zeros with dt = 0: they change nothing and are not stored. No
// atomics: the same bits on every call. Legend: Q tokens of a chunk, N state, P head width.
#include "kernels/cuda_launch.h"
#include "kernels/cuda_tiles.h"
#include "kernels/ssd_cuda.h"

namespace seqsweep {

namespace {

constexpr int kQ = kSsdCudaChunk, kThreads = kTileThreads, kWarps = kThreads / 32;
constexpr int kMaxSharedBytes = 160 * 1024;  // A block's, on sm_80.

__device__ void fill_state(Tile state, int width, int columns, const float* from) {
  for (int i = threadIdx.x; i < width * columns; i += kThreads) {
    state.at(i / columns, i % columns) = from != nullptr ? from[i] : 0.0F;
  }
}
__device__ void write_state(Tile state, int width, int columns, float* to) {
  for (int i = threadIdx.x; i < width * columns; i += kThreads) {
    to[i] = state.at(i / columns, i % columns);
  }
}

// Which head of which sequence a block walks, and how.
struct Place {
  int head, group, sequence, begin, length, walked, first, step, delay;
  __device__ explicit Place(const SsdCudaParams& p)
      : head(blockIdx.y),
        group(head / (p.heads / p.groups)),
        sequence(blockIdx.x),
        begin(p.offsets[blockIdx.x]),
        length(p.offsets[blockIdx.x + 1] - begin),
        walked(length > p.delay ? length - p.delay : 0),
        first(p.step > 0 ? begin : begin + length - 1),
        step(p.step),
        delay(p.delay) {}
  __device__ int chunks() const { return (walked + kQ - 1) / kQ; }
  // Of the i-th token walked, and of the one whose y reads the state after it.
  __device__ int64_t token(int i) const { return first + int64_t(step) * i; }
  __device__ int64_t reader(int i) const { return token(i + delay); }
  __device__ float* start(const SsdCudaParams& p, int chunk) const {
    const int64_t index = begin / kQ + sequence + chunk;
    return p.starts + (index * p.heads + head) * p.width * p.state;
  }
};

__device__ float* row_of(const SsdRows& rows, int64_t token, int head) {
  return rows.data + token * rows.token_stride + head * rows.head_stride;
}

// The chunk's rows, zeros where it has fewer. `ahead`: 0 for walked tokens, the delay for readers.
__device__ void load(Tile tile, const SsdRows& from, const Place& place, int chunk, int ahead,
                     int head, int columns) {
  for (int i = threadIdx.x; i < kQ * columns; i += kThreads) {
    const int row = chunk * kQ + i / columns, column = i % columns;
    tile.at(i / columns, column) =
        row < place.walked ? row_of(from, place.token(row + ahead), head)[column] : 0.0F;
  }
}

// dt after softplus and the sums of dt A from the chunk's start. The sums are double: a decay
// is e to the difference of two, which may be small while they are large.
struct Steps {
  double log_decay[kQ];
  float dt[kQ], from_start[kQ], to_end[kQ], added[kQ], whole;
  __device__ float decay(int from, int to) const {
    return from <= to ? expf(static_cast<float>(log_decay[to] - log_decay[from])) : 0.0F;
  }
};

__device__ void load_steps(Steps& steps, const SsdCudaParams& p, const Place& place, int chunk) {
  if (threadIdx.x >= 32) return;
  const int lane = threadIdx.x, i = chunk * kQ + lane;
  float dt = 0;
  if (i < place.walked) {
    const float x = *row_of(p.dt, place.token(i), place.head) + p.dt_bias[place.head];
    dt = fmaxf(x, 0.0F) + log1pf(expf(-fabsf(x)));
  }
  double sum = static_cast<double>(dt) * p.A[place.head];
  for (int step = 1; step < 32; step *= 2) {
    const double before = __shfl_up_sync(~0U, sum, step);
    if (lane >= step) sum += before;
  }
  const double all = __shfl_sync(~0U, sum, 31);
  steps.log_decay[lane] = sum;
  steps.dt[lane] = dt;
  steps.from_start[lane] = expf(static_cast<float>(sum));
  steps.to_end[lane] = expf(static_cast<float>(all - sum));
  steps.added[lane] = dt * steps.to_end[lane];  // What of x B^T is left at the end.
  if (lane == 31) steps.whole = expf(static_cast<float>(all));
}

// state <- decay of the chunk * state + x^T B, with x scaled by `added`.
__device__ void advance(Tile state, Tile x, Tile B, const SsdCudaParams& p, float whole) {
  multiply(p.width, p.state, kQ, x.transposed(), B, [&](int row, int column, float sum) {
    state.at(row, column) = whole * state.at(row, column) + sum;
  });
}

__global__ void forward_kernel(SsdCudaParams p) {
  const Place place(p);
  if (place.walked == 0) return;
  extern __shared__ float shared[];
  __shared__ Steps steps;
  SharedMemory memory{shared};
  const Tile state = memory.tile(p.width, p.state), x = memory.tile(kQ, p.width),
             B = memory.tile(kQ, p.state), C = memory.tile(kQ, p.state),
             weights = memory.tile(kQ, kQ);
  float* const kept =
      p.states_SHPN == nullptr
          ? nullptr
          : p.states_SHPN + (int64_t(place.sequence) * p.heads + place.head) * p.width * p.state;
  fill_state(state, p.width, p.state, kept);
  for (int chunk = 0; chunk < place.chunks(); ++chunk) {
    load(x, p.x, place, chunk, 0, place.head, p.width);
    load(B, p.B, place, chunk, 0, place.group, p.state);
    load(C, p.C, place, chunk, 0, place.group, p.state);
    load_steps(steps, p, place, chunk);
    __syncthreads();
    multiply(kQ, kQ, p.state, C, B.transposed(), [&](int i, int j, float sum) {
      weights.at(i, j) = sum * steps.decay(j, i) * steps.dt[j];
    });
    __syncthreads();
    const auto y = [&](int i, int column) {
      return row_of(p.y, place.reader(chunk * kQ + i), place.head) + column;
    };
    const int rows = place.walked - chunk * kQ < kQ ? place.walked - chunk * kQ : kQ;
    multiply(rows, p.width, p.state, C, state.transposed(),
             [&](int i, int column, float sum) { *y(i, column) += steps.from_start[i] * sum; });
    multiply(rows, p.width, kQ, weights, x,
             [&](int i, int column, float sum) { *y(i, column) += sum; });
    __syncthreads();
    scale_rows(x, kQ, p.width, steps.added);
    __syncthreads();
    advance(state, x, B, p, steps.whole);
    __syncthreads();
  }
  if (kept != nullptr) write_state(state, p.width, p.state, kept);
}

// The states at the starts of all chunks but the first.
__global__ void starts_kernel(SsdCudaParams p) {
  const Place place(p);
  if (place.walked == 0) return;
  extern __shared__ float shared[];
  __shared__ Steps steps;
  SharedMemory memory{shared};
  const Tile state = memory.tile(p.width, p.state), x = memory.tile(kQ, p.width),
             B = memory.tile(kQ, p.state);
  fill_state(state, p.width, p.state, nullptr);
  for (int chunk = 0; chunk + 1 < place.chunks(); ++chunk) {
    load(x, p.x, place, chunk, 0, place.head, p.width);
    load(B, p.B, place, chunk, 0, place.group, p.state);
    load_steps(steps, p, place, chunk);
    __syncthreads();
    scale_rows(x, kQ, p.width, steps.added);
    __syncthreads();
    advance(state, x, B, p, steps.whole);
    __syncthreads();
    write_state(state, p.width, p.state, place.start(p, chunk + 1));
  }
}

struct BackwardTiles {
  Tile state, d_state, x, d_y, d_added, B, C, product, pairs, weights, d_scores;
  __device__ BackwardTiles(float* shared, const SsdCudaParams& p) {
    SharedMemory memory{shared};
    state = memory.tile(p.width, p.state);
    d_state = memory.tile(p.width, p.state);
    x = memory.tile(kQ, p.width);
    d_y = memory.tile(kQ, p.width);
    d_added = memory.tile(kQ, p.width);
    B = memory.tile(kQ, p.state);
    C = memory.tile(kQ, p.state);
    product = memory.tile(kQ, p.state);
    pairs = memory.tile(kQ, kQ);
    weights = memory.tile(kQ, kQ);
    d_scores = memory.tile(kQ, kQ);
  }
};
int backward_numbers(const SsdCudaParams& p) {
  return 2 * tile_numbers(p.width, p.state) + 3 * tile_numbers(kQ, p.width) +
         3 * tile_numbers(kQ, p.state) + 3 * tile_numbers(kQ, kQ);
}

// What passes through the steps of a chunk, collected for the gradient of the log decays.
struct Passing {
  float reads[kQ], additions[kQ], direct[kQ], pairs[kWarps][kQ], states[kWarps];
};

// Fills weights and d_scores; pairs gets the gradients of the log decays from j to i.
__device__ void differentiate_weights(const BackwardTiles& t, const Steps& steps,
                                      const SsdCudaParams& p) {
  multiply(kQ, kQ, p.state, t.C, t.B.transposed(),
           [&](int i, int j, float sum) { t.pairs.at(i, j) = sum; });
  multiply(kQ, kQ, p.width, t.d_y, t.x.transposed(), [&](int i, int j, float sum) {
    const float score = t.pairs.at(i, j), decay = steps.decay(j, i);
    const float d_score = sum * steps.dt[j] * decay;
    t.weights.at(i, j) = score * decay;
    t.d_scores.at(i, j) = d_score;
    t.pairs.at(i, j) = d_score * score;
  });
}

// Pairs j < k <= i for k = lane: a warp sums every eighth row.
__device__ void sum_pairs(const BackwardTiles& t, Passing& passing) {
  const int k = threadIdx.x % 32, warp = threadIdx.x / 32;
  float sum = 0;
  for (int i = warp; i < kQ; i += kWarps) {
    for (int j = 0; j < kQ; ++j) sum += i >= k && j < k ? t.pairs.at(i, j) : 0.0F;
  }
  passing.pairs[warp][k] = sum;
}

// The gradient of the state's decay over the whole chunk, a part a warp.
__device__ void sum_states(const BackwardTiles& t, Passing& passing, const SsdCudaParams& p) {
  float sum = 0;
  for (int i = threadIdx.x; i < p.width * p.state; i += kThreads) {
    sum += t.state.at(i / p.state, i % p.state) * t.d_state.at(i / p.state, i % p.state);
  }
  for (int step = 16; step > 0; step /= 2) sum += __shfl_xor_sync(~0U, sum, step);
  if (threadIdx.x % 32 == 0) passing.states[threadIdx.x / 32] = sum;
}

// The first warp, lane k for step k: the gradients of dt and A.
__device__ void differentiate_steps(const Steps& steps, const Passing& passing,
                                    const SsdCudaParams& p, const Place& place, int chunk) {
  if (threadIdx.x >= 32) return;
  const int k = threadIdx.x, row = chunk * kQ + k;
  float d_log_decay = 0;
  for (int warp = 0; warp < kWarps; ++warp) {
    d_log_decay += passing.pairs[warp][k] + steps.whole * passing.states[warp];
  }
  for (int i = 0; i < kQ; ++i) d_log_decay += i >= k ? passing.reads[i] : passing.additions[i];
  float d_A = d_log_decay * steps.dt[k];
  for (int step = 16; step > 0; step /= 2) d_A += __shfl_xor_sync(~0U, d_A, step);
  if (k == 0) p.d_A_SH[int64_t(place.sequence) * p.heads + place.head] += d_A;
  if (row >= place.walked) return;
  const float d_dt = d_log_decay * p.A[place.head] + passing.direct[k];
  *row_of(p.d_dt, place.token(row), place.head) = d_dt * -expm1f(-steps.dt[k]);
}

__device__ void backward_chunk(const BackwardTiles& t, Steps& steps, Passing& passing,
                               const SsdCudaParams& p, const Place& place, int chunk) {
  const int rows = place.walked - chunk * kQ < kQ ? place.walked - chunk * kQ : kQ;
  const auto gradient = [&](float* data_HTN, int i, int column) {
    const int64_t row = place.head * p.tokens + place.token(chunk * kQ + i);
    return data_HTN + row * p.state + column;
  };
  differentiate_weights(t, steps, p);
  sum_states(t, passing, p);
  __syncthreads();
  sum_pairs(t, passing);
  // Of u = dt x: through the state at the end, then through the chunk's own y.
  multiply(kQ, p.width, p.state, t.B, t.d_state.transposed(),
           [&](int j, int column, float sum) { t.d_added.at(j, column) = steps.to_end[j] * sum; });
  multiply(kQ, p.width, kQ, t.weights.transposed(), t.d_y,
           [&](int j, int column, float sum) { t.d_added.at(j, column) += sum; });
  multiply(kQ, p.state, p.width, t.d_y, t.state, [&](int i, int column, float sum) {
    t.product.at(i, column) = steps.from_start[i] * sum;
  });
  __syncthreads();
  row_dots(t.x, t.d_added, kQ, p.width, passing.direct);
  row_dots(t.C, t.product, kQ, p.state, passing.reads);
  multiply(rows, p.state, kQ, t.d_scores, t.B, [&](int i, int column, float sum) {
    *gradient(p.d_C_HTN, i, column) = sum + t.product.at(i, column);
  });
  __syncthreads();
  multiply(kQ, p.state, p.width, t.x, t.d_state,
           [&](int j, int column, float sum) { t.product.at(j, column) = steps.added[j] * sum; });
  for (int i = threadIdx.x; i < rows * p.width; i += kThreads) {
    const int j = i / p.width, column = i % p.width;
    row_of(p.d_x, place.token(chunk * kQ + j), place.head)[column] +=
        steps.dt[j] * t.d_added.at(j, column);
  }
  __syncthreads();
  row_dots(t.B, t.product, kQ, p.state, passing.additions);
  multiply(rows, p.state, kQ, t.d_scores.transposed(), t.C, [&](int j, int column, float sum) {
    *gradient(p.d_B_HTN, j, column) = sum + t.product.at(j, column);
  });
  scale_rows(t.d_y, kQ, p.width, steps.from_start);
  __syncthreads();
  differentiate_steps(steps, passing, p, place, chunk);
  advance(t.d_state, t.d_y, t.C, p, steps.whole);
  __syncthreads();
}

__global__ void backward_kernel(SsdCudaParams p) {
  const Place place(p);
  if (place.walked == 0) return;
  extern __shared__ float shared[];
  __shared__ Steps steps;
  __shared__ Passing passing;
  const BackwardTiles t(shared, p);
  fill_state(t.d_state, p.width, p.state, nullptr);
  for (int chunk = place.chunks() - 1; chunk >= 0; --chunk) {
    fill_state(t.state, p.width, p.state, chunk > 0 ? place.start(p, chunk) : nullptr);
    load(t.x, p.x, place, chunk, 0, place.head, p.width);
    load(t.d_y, p.d_y, place, chunk, place.delay, place.head, p.width);
    load(t.B, p.B, place, chunk, 0, place.group, p.state);
    load(t.C, p.C, place, chunk, 0, place.group, p.state);
    load_steps(steps, p, place, chunk);
    __syncthreads();
    backward_chunk(t, steps, passing, p, place, chunk);
  }
}

using Kernel = void (*)(SsdCudaParams);

const char* launch(Kernel kernel, const SsdCudaParams& p, int numbers) {
  const int bytes = numbers * static_cast<int>(sizeof(float));
  if (bytes > kMaxSharedBytes) return "heads this wide with states this large do not fit a block";
  cudaError_t error =
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
  if (error == cudaSuccess) {
    const dim3 grid(static_cast<unsigned>(p.sequences), static_cast<unsigned>(p.heads));
    kernel<<<grid, kThreads, bytes, cuda_stream()>>>(p);
    error = cudaGetLastError();
  }
  return text_of(error);
}

int forward_numbers(const SsdCudaParams& p) {
  return tile_numbers(p.width, p.state) + tile_numbers(kQ, p.width) +
         2 * tile_numbers(kQ, p.state) + tile_numbers(kQ, kQ);
}

const char* forward(const SsdCudaParams& p) {
  if (p.sequences == 0 || p.heads == 0) return nullptr;
  return launch(forward_kernel, p, forward_numbers(p));
}

const char* backward(const SsdCudaParams& p) {
  if (p.sequences == 0 || p.heads == 0) return nullptr;
  if (const char* error = launch(starts_kernel, p, forward_numbers(p))) return error;
  return launch(backward_kernel, p, backward_numbers(p));
}

// Loading the plug-in fills the slot.
const int kFilled = (ssd_cuda = {forward, backward}, 0);

}  // namespace

}  // namespace seqsweep
