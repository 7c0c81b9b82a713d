// SSD on CUDA, of float or bfloat16, all chunks of 32 tokens at once: what each chunk gives to the
// state, then the states passed on from chunk to chunk, then the outputs of each chunk from the
// state at its start. The backward passes the states' gradients from the last chunk to the first
// likewise. The algebra is that of ssd_forward.h and ssd_backward.h. Tokens missing in a last chunk
// are zeros with dt = 0: they change nothing and are not stored. No atomics: the same bits on every
// call. Legend: Q tokens of a chunk, N state, P head width, both padded to multiples of 4.
#include "kernels/cuda_launch.h"
#include "kernels/cuda_tiles.h"
#include "kernels/ssd_cuda.h"
#include "kernels/ssd_cuda_chunk.h"

namespace seqsweep {

namespace {

constexpr int kQ = kSsdCudaChunk;
constexpr int kThreads = 256, kWarps = kThreads / 32;  // Of all kernels but outputs_kernel.
constexpr int kOutputThreads = 128;                    // One patch of 32 x 64 each.
constexpr int kMaxSharedBytes = 158 * 1024;            // A block's, on sm_80, beside static ones.
constexpr int kUsualSharedBytes = 44 * 1024;           // What a kernel may have without asking.

template <typename A>
__device__ void write_product(float* to, int rows, int columns, A a, Tile b) {
  each_patch(everyone(), padded(rows), padded(columns), /*spread=*/false, [&](Patch& patch) {
    patch.add(kQ, a, b);
#pragma unroll
    for (int r = 0; r < kPatch; ++r) {
      const int row = patch.row + r;
      if (row < rows) put_four(to + row * columns, patch.column, columns, patch.sums[r], false);
    }
  });
}

// What the tokens of a chunk give to the state at its end, into `starts`: for the forward as [N,
// P], for the backward as [P, N], whichever its products read along rows. In the second layer of
// blocks, what its readers give to the gradient of the state at its start, into `d_ends`.
template <typename T, bool kBackward>
__global__ void __launch_bounds__(kThreads, 3) contributions_kernel(SsdCudaParams p) {
  const SsdChunk chunk(p);
  if (chunk.empty()) return;
  extern __shared__ __align__(16) float shared[];
  __shared__ SsdSteps steps;
  const bool of_gradients = kBackward && blockIdx.z == 1;
  load_steps<T>(steps, p, chunk);
  // By the thread that computed it.
  if (threadIdx.x == kQ - 1 && !of_gradients) p.decays[chunk.index] = steps.whole;
  // Nobody reads what comes after the last chunk, or before the first.
  if (of_gradients ? chunk.number == 0 : chunk.last() && p.states_SHPN == nullptr) return;
  const int P = padded(p.width), N = padded(p.state);
  SharedMemory memory{shared};
  const Tile narrow = memory.tile(kQ, P), wide = memory.tile(kQ, N);
  load_tokens<T>(narrow, of_gradients ? p.d_y : p.x, chunk, of_gradients, chunk.head, p.width);
  load_tokens<T>(wide, of_gradients ? p.C : p.B, chunk, false, chunk.group, p.state);
  __syncthreads();
  scale_rows(narrow, kQ, P, of_gradients ? steps.from_start : steps.added);
  __syncthreads();
  float* const to = (of_gradients ? p.d_ends : p.starts) + chunk.index * p.width * p.state;
  if (kBackward) {
    write_product(to, p.width, p.state, Transposed{narrow}, wide);
  } else {
    write_product(to, p.state, p.width, Transposed{wide}, narrow);
  }
}

// Puts the states at the starts of the chunks in place of the contributions, a thread an entry; in
// the second layer of blocks, the gradients at the ends, from the last chunk to the first.
__global__ void __launch_bounds__(kThreads) pass_states_kernel(SsdCudaParams p) {
  constexpr int kAhead = 8;  // Loads under way.
  const int entries = p.width * p.state, pieces = (entries + kThreads - 1) / kThreads;
  const SsdWalk walk(p, blockIdx.x / pieces);
  const int entry = static_cast<int>(blockIdx.x % pieces * kThreads + threadIdx.x);
  const int chunks = walk.chunks(), head = blockIdx.y;
  if (entry >= entries || chunks == 0) return;
  float* kept = nullptr;
  if (p.states_SHPN != nullptr) {  // [P, N], but the forward's chunks have [N, P].
    kept = p.states_SHPN + (int64_t(walk.sequence) * p.heads + head) * entries +
           entry % p.width * p.state + entry / p.width;
  }
  const bool reversed = blockIdx.z == 1;
  float* const room = reversed ? p.d_ends : p.starts;
  const int passes = kept != nullptr ? chunks : chunks - 1;
  const auto index_of = [&](int i) {
    return (first_slot(p, walk.sequence) + (reversed ? chunks - 1 - i : i)) * p.heads + head;
  };
  float state = kept != nullptr ? *kept : 0.0F;
  for (int first = 0; first < chunks; first += kAhead) {
    float contributions[kAhead], decays[kAhead];
#pragma unroll
    for (int i = 0; i < kAhead; ++i) {
      if (first + i >= passes) break;
      contributions[i] = room[index_of(first + i) * entries + entry];
      decays[i] = p.decays[index_of(first + i)];
    }
#pragma unroll
    for (int i = 0; i < kAhead; ++i) {
      if (first + i >= chunks) break;
      room[index_of(first + i) * entries + entry] = state;
      if (first + i < passes) state = contributions[i] + decays[i] * state;
    }
  }
  if (kept != nullptr) *kept = state;
}

// y of each chunk, from the state at its start and from its own tokens.
template <typename T>
__global__ void __launch_bounds__(kOutputThreads, 4) outputs_kernel(SsdCudaParams p) {
  const SsdChunk chunk(p);
  if (chunk.empty()) return;
  extern __shared__ __align__(16) float shared[];
  __shared__ SsdSteps steps;
  const int P = padded(p.width), N = padded(p.state);
  SharedMemory memory{shared};
  const Tile state = memory.tile(N, P), x = memory.tile(kQ, P), B = memory.tile(kQ, N),
             C = memory.tile(kQ, N), weights = memory.tile(kQ, kQ);
  load_steps<T>(steps, p, chunk);
  load_tokens<T>(x, p.x, chunk, false, chunk.head, p.width);
  load_tokens<T>(B, p.B, chunk, false, chunk.group, p.state);
  load_tokens<T>(C, p.C, chunk, false, chunk.group, p.state);
  read_state(p.starts + chunk.index * p.width * p.state, p.state, p.width,
             [&](int row, int column, float number) { state.at(row, column) = number; });
  __syncthreads();
  each_patch(everyone(), kQ, kQ, /*spread=*/true, [&](Patch& patch) {
    patch.add(N, C, Transposed{B});
#pragma unroll
    for (int r = 0; r < kPatch; ++r) {
#pragma unroll
      for (int c = 0; c < kPatch; ++c) {
        const int i = patch.row + r, j = patch.column + c * patch.column_step;
        weights.at(i, j) = patch.sums[r][c] * steps.decay(j, i) * steps.dt[j];
      }
    }
  });
  __syncthreads();
  each_patch(everyone(), kQ, P, /*spread=*/false, [&](Patch& y) {
    y.add(N, C, state);
    y.scale(steps.from_start);
    y.add(kQ, weights, x);
#pragma unroll
    for (int r = 0; r < kPatch; ++r) {
      if (y.row + r >= chunk.rows) continue;
      put_four(row_of<T>(p.y, chunk.reader(y.row + r), chunk.head), y.column, p.width, y.sums[r],
               true);
    }
  });
}

struct BackwardTiles {
  Tile state, x, d_y, B, C, weights, d_scores, product;
  __device__ BackwardTiles(float* shared, int P, int N) {
    SharedMemory memory{shared};
    state = memory.tile(P, N);  // At the chunk's start; then its gradient at the end.
    x = memory.tile(kQ, P);
    d_y = memory.tile(kQ, P);
    B = memory.tile(kQ, N);
    C = memory.tile(kQ, N);
    weights = memory.tile(kQ, kQ);
    d_scores = memory.tile(kQ, kQ);
    product = memory.tile(kQ, P > N ? P : N);
  }
};
int backward_numbers(int P, int N) {
  return tile_numbers(P, N) + 2 * tile_numbers(kQ, P) + 2 * tile_numbers(kQ, N) +
         2 * tile_numbers(kQ, kQ) + tile_numbers(kQ, P > N ? P : N);
}

// What passes through the steps of a chunk, collected for the gradient of the log decays; and, of
// what x gives to y, x . its gradient: within the chunk (`inside`), through its end (`ends`).
struct Passing {
  float reads[kQ], ends[kQ], pairs[kWarps][kQ], inside[kWarps][kQ], states[kWarps];
};

// From C B^T in `weights` and d_y x^T in `d_scores`; a warp a row.
__device__ void differentiate_weights(const BackwardTiles& t, const SsdSteps& steps,
                                      Passing& passing) {
  const int j = threadIdx.x % 32, warp = threadIdx.x / 32;
  float pairs = 0, inside = 0;
  for (int i = warp; i < kQ; i += kWarps) {
    const float score = t.weights.at(i, j), d_weight = t.d_scores.at(i, j);
    const float decay = steps.decay(j, i), d_score = d_weight * steps.dt[j] * decay;
    t.weights.at(i, j) = score * decay;
    t.d_scores.at(i, j) = d_score;
    inside += d_weight * score * decay;
    // The decay of step k = j stands between i >= k and all tokens before k.
    float before = d_score * score;
    for (int step = 1; step < 32; step *= 2) {
      const float earlier = __shfl_up_sync(~0U, before, step);
      if (j >= step) before += earlier;
    }
    before = __shfl_up_sync(~0U, before, 1);
    pairs += j > 0 && i >= j ? before : 0.0F;
  }
  passing.pairs[warp][j] = pairs;
  passing.inside[warp][j] = inside;
}

// Puts the gradient of the state at the end in place of the state at the start; their product is
// the gradient of the decay over the whole chunk, a part a warp.
__device__ void exchange_states(const BackwardTiles& t, Passing& passing, const SsdCudaParams& p,
                                const SsdChunk& chunk) {
  float sum = 0;
  read_state(p.d_ends + chunk.index * p.width * p.state, p.width, p.state,
             [&](int row, int column, float number) {
               sum += t.state.at(row, column) * number;
               t.state.at(row, column) = number;
             });
  for (int step = 16; step > 0; step /= 2) sum += __shfl_xor_sync(~0U, sum, step);
  if (threadIdx.x % 32 == 0) passing.states[threadIdx.x / 32] = sum;
}

// The first warp, lane k for step k: the gradients of dt and A.
template <typename T>
__device__ void differentiate_steps(const SsdSteps& steps, const Passing& passing,
                                    const SsdCudaParams& p, const SsdChunk& chunk) {
  if (threadIdx.x >= 32) return;
  const int k = threadIdx.x;
  float d_log_decay = 0, direct = passing.ends[k];
  for (int warp = 0; warp < kWarps; ++warp) {
    d_log_decay += passing.pairs[warp][k] + steps.whole * passing.states[warp];
    direct += passing.inside[warp][k];
  }
  for (int i = 0; i < kQ; ++i) {
    d_log_decay += i >= k ? passing.reads[i] : steps.dt[i] * passing.ends[i];
  }
  float d_A = d_log_decay * steps.dt[k];
  for (int step = 16; step > 0; step /= 2) d_A += __shfl_xor_sync(~0U, d_A, step);
  if (k == 0) p.d_A[chunk.index] = d_A;
  if (k >= chunk.rows) return;
  const float d_dt = d_log_decay * p.A[chunk.head] + direct;
  store(row_of<T>(p.d_dt, chunk.token(k), chunk.head), d_dt * -expm1f(-steps.dt[k]));
}

// The existing rows of a patch, times `scale` and plus the same of `more` if given, to rows(row).
template <typename Rows>
__device__ void write_patch(Patch& patch, const SsdChunk& chunk, int columns, const Tile* more,
                            const float* scale, bool add, Rows rows) {
#pragma unroll
  for (int r = 0; r < kPatch; ++r) {
    const int row = patch.row + r;
    if (row >= chunk.rows) continue;
    float four[kPatch];
#pragma unroll
    for (int c = 0; c < kPatch; ++c) {
      four[c] = patch.sums[r][c] + (more != nullptr ? more->at(row, patch.column + c) : 0.0F);
      if (scale != nullptr) four[c] *= scale[row];
    }
    put_four(rows(row), patch.column, columns, four, add);
  }
}

// Halves of the block compute what does not depend on each other.
template <typename T>
__device__ void backward_chunk(const BackwardTiles& t, SsdSteps& steps, Passing& passing,
                               const SsdCudaParams& p, const SsdChunk& chunk) {
  constexpr int kHalf = kThreads / 2;
  constexpr Team kFirst{0, kHalf}, kSecond{kHalf, kHalf};
  const int P = padded(p.width), N = padded(p.state);
  const auto row_of_token = [&](float* data_HTN) {
    return [&p, &chunk, data_HTN](int row) {
      return data_HTN + (chunk.head * p.tokens + chunk.token(row)) * p.state;
    };
  };
  multiply({0, kHalf / 2}, kQ, kQ, N, t.C, Transposed{t.B}, t.weights);
  multiply({kHalf / 2, kHalf / 2}, kQ, kQ, P, t.d_y, Transposed{t.x}, t.d_scores);
  multiply(kSecond, kQ, N, P, t.d_y, t.state, t.product);
  __syncthreads();
  differentiate_weights(t, steps, passing);
  scale_rows(t.product, kQ, N, steps.from_start);
  exchange_states(t, passing, p, chunk);
  __syncthreads();
  row_dots(t.C, t.product, kQ, N, passing.reads);
  each_patch(everyone(), kQ, N, /*spread=*/false, [&](Patch& d_C) {
    d_C.add(kQ, t.d_scores, t.B);
    write_patch(d_C, chunk, p.state, &t.product, nullptr, false, row_of_token(p.d_C_HTN));
  });
  __syncthreads();
  // Of u = dt x, through the state at the end.
  multiply(kFirst, kQ, P, N, t.B, Transposed{t.state}, t.product);
  each_patch(kSecond, kQ, N, /*spread=*/false, [&](Patch& d_B) {
    d_B.add(P, t.x, t.state);
    d_B.scale(steps.added);
    d_B.add(kQ, Transposed{t.d_scores}, t.C);
    write_patch(d_B, chunk, p.state, nullptr, nullptr, false, row_of_token(p.d_B_HTN));
  });
  __syncthreads();
  scale_rows(t.product, kQ, P, steps.to_end);
  __syncthreads();
  row_dots(t.x, t.product, kQ, P, passing.ends);
  each_patch(everyone(), kQ, P, /*spread=*/false, [&](Patch& d_x) {
    d_x.add(kQ, Transposed{t.weights}, t.d_y);
    write_patch(d_x, chunk, p.width, &t.product, steps.dt, true,
                [&](int row) { return row_of<T>(p.d_x, chunk.token(row), chunk.head); });
  });
  __syncthreads();
  differentiate_steps<T>(steps, passing, p, chunk);
}

template <typename T>
__global__ void __launch_bounds__(kThreads, 3) gradients_kernel(SsdCudaParams p) {
  const SsdChunk chunk(p);
  if (chunk.empty()) return;
  extern __shared__ __align__(16) float shared[];
  __shared__ SsdSteps steps;
  __shared__ Passing passing;
  const BackwardTiles t(shared, padded(p.width), padded(p.state));
  load_steps<T>(steps, p, chunk);
  load_tokens<T>(t.x, p.x, chunk, false, chunk.head, p.width);
  load_tokens<T>(t.d_y, p.d_y, chunk, true, chunk.head, p.width);
  load_tokens<T>(t.B, p.B, chunk, false, chunk.group, p.state);
  load_tokens<T>(t.C, p.C, chunk, false, chunk.group, p.state);
  read_state(p.starts + chunk.index * p.width * p.state, p.width, p.state,
             [&](int row, int column, float number) { t.state.at(row, column) = number; });
  __syncthreads();
  backward_chunk<T>(t, steps, passing, p, chunk);
}

using Kernel = void (*)(SsdCudaParams);

const char* launch(Kernel kernel, const SsdCudaParams& p, int64_t blocks, int layers, int threads,
                   int numbers) {
  const int bytes = numbers * static_cast<int>(sizeof(float));
  if (bytes > kMaxSharedBytes) return "heads this wide with states this large do not fit a block";
  cudaError_t error = cudaSuccess;
  if (bytes > kUsualSharedBytes) {
    error = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
  }
  if (error == cudaSuccess) {
    const dim3 grid(static_cast<unsigned>(blocks), static_cast<unsigned>(p.heads),
                    static_cast<unsigned>(layers));
    kernel<<<grid, threads, bytes, cuda_stream()>>>(p);
    error = cudaGetLastError();
  }
  return text_of(error);
}

// The states at the starts of the chunks; with two layers, also their gradients at the ends.
const char* compute_states(Kernel contributions, const SsdCudaParams& p, int layers) {
  const int numbers = tile_numbers(kQ, padded(p.width)) + tile_numbers(kQ, padded(p.state));
  if (const char* error = launch(contributions, p, p.slots(), layers, kThreads, numbers)) {
    return error;
  }
  const int64_t pieces = (int64_t(p.width) * p.state + kThreads - 1) / kThreads;
  return launch(pass_states_kernel, p, pieces * p.sequences, layers, kThreads, 0);
}

bool is_empty(const SsdCudaParams& p) {
  return p.sequences == 0 || p.heads == 0 || p.width == 0 || p.state == 0;
}

template <typename T>
const char* forward_of(const SsdCudaParams& p) {
  if (const char* error = compute_states(contributions_kernel<T, false>, p, 1)) return error;
  const int P = padded(p.width), N = padded(p.state);
  const int numbers =
      tile_numbers(N, P) + tile_numbers(kQ, P) + 2 * tile_numbers(kQ, N) + tile_numbers(kQ, kQ);
  return launch(outputs_kernel<T>, p, p.slots(), 1, kOutputThreads, numbers);
}

template <typename T>
const char* backward_of(const SsdCudaParams& p) {
  if (const char* error = compute_states(contributions_kernel<T, true>, p, 2)) return error;
  const int numbers = backward_numbers(padded(p.width), padded(p.state));
  return launch(gradients_kernel<T>, p, p.slots(), 1, kThreads, numbers);
}

const char* forward(const SsdCudaParams& p) {
  if (is_empty(p)) return nullptr;
  return p.bf16 ? forward_of<Bfloat16>(p) : forward_of<float>(p);
}
const char* backward(const SsdCudaParams& p) {
  if (is_empty(p)) return nullptr;
  return p.bf16 ? backward_of<Bfloat16>(p) : backward_of<float>(p);
}

// Loading the plug-in fills the slot.
const int kFilled = (ssd_cuda = {forward, backward}, 0);

}  // namespace

}  // namespace seqsweep
