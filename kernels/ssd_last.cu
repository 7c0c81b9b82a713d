// What SSD reads at the last tokens on CUDA, float32: a block a head of a sequence, 256 tokens at a
// time. Sums of dt are double, since a decay is e to the difference of two of them. No atomics: the
// same bits on every call.
#include "kernels/cuda_launch.h"
#include "kernels/ssd_last_cuda.h"

namespace seqsweep {

namespace {

constexpr int kThreads = 256, kWarps = kThreads / 32, kChunk = kThreads;
constexpr int kColumns = 64, kLanes = kThreads / kColumns;  // Of a tile of columns.

// What a block works on: the tokens of a sequence that are read, and a head or a group.
struct Place {
  int sequence, begin, count;
  __device__ explicit Place(const SsdLastParams& p)
      : sequence(blockIdx.x), begin(p.offsets[blockIdx.x]) {
    count = max(0, p.offsets[blockIdx.x + 1] - begin - p.unread);
  }
};

__device__ const float* row_of(const SsdLastRows& rows, int64_t token, int head) {
  return rows.data + token * rows.token_stride + head * rows.head_stride;
}

__device__ float step_of(const SsdLastParams& p, const Place& place, int i, int head) {
  if (i >= place.count) return 0;
  const float x = *row_of(p.dt, place.begin + i, head) + p.dt_bias_H[head];
  return fmaxf(x, 0.0F) + log1pf(expf(-fabsf(x)));
}

// Running sums over the threads of a block, from a carry that it moves on.
struct Running {
  double by_warp[kWarps];

  // Up to and including this thread's x.
  __device__ double sum(double x, double& carry) {
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    for (int step = 1; step < 32; step *= 2) {
      const double before = __shfl_up_sync(~0U, x, step);
      if (lane >= step) x += before;
    }
    __syncthreads();  // Of the last call's sums.
    if (lane == 31) by_warp[warp] = x;
    __syncthreads();
    x += carry;
    for (int i = 0; i < kWarps; ++i) {
      if (i < warp) x += by_warp[i];
      carry += by_warp[i];
    }
    return x;
  }
};

__device__ double sum_of_steps(const SsdLastParams& p, const Place& place, int head,
                               Running& running) {
  double mine = 0, all = 0;
  for (int i = threadIdx.x; i < place.count; i += kThreads) mine += step_of(p, place, i, head);
  running.sum(mine, all);
  return all;
}

// dots[i] = row of the i-th token . vector, a warp a token.
__device__ void dots_of_rows(const SsdLastRows& rows, const float* vector, int columns,
                             const Place& place, int first, int head, float (&dots)[kChunk]) {
  const int lane = threadIdx.x % 32, last = min(kChunk, place.count - first);
  for (int i = threadIdx.x / 32; i < last; i += kWarps) {
    const float* row = row_of(rows, place.begin + first + i, head);
    float sum = 0;
    for (int column = lane; column < columns; column += 32) sum += row[column] * vector[column];
    for (int step = 16; step > 0; step /= 2) sum += __shfl_xor_sync(~0U, sum, step);
    if (lane == 0) dots[i] = sum;
  }
}

// Adds up what the threads of a column have; lane 0 gets it.
__device__ float sum_of_lanes(float x, float (&room)[kThreads]) {
  room[threadIdx.x] = x;
  __syncthreads();
  float sum = 0;
  for (int lane = 0; lane < kLanes; ++lane) sum += room[lane * kColumns + threadIdx.x % kColumns];
  return sum;
}

__global__ void __launch_bounds__(kThreads) forward_kernel(SsdLastParams p) {
  const Place place(p);
  const int head = blockIdx.y, group = head / (p.heads / p.groups);
  const int column = blockIdx.z * kColumns + threadIdx.x % kColumns;
  const int lane = threadIdx.x / kColumns;
  const float* C = p.C_SGN != nullptr
                       ? p.C_SGN + (int64_t(place.sequence) * p.groups + group) * p.state
                       : row_of(p.C, max(place.begin, place.begin + place.count - 1), group);
  const double A = p.A_is_log ? -expf(p.A_H[head]) : p.A_H[head];
  __shared__ float read[kChunk], weight[kChunk];
  __shared__ Running running;
  const double all = sum_of_steps(p, place, head, running);
  double before = 0;
  float y = 0;
  for (int first = 0; first < place.count; first += kChunk) {
    dots_of_rows(p.B, C, p.state, place, first, group, read);
    const int i = first + threadIdx.x, count = min(kChunk, place.count - first);
    const float dt = step_of(p, place, i, head);
    const double until = running.sum(dt, before);  // Has the barrier after the dots.
    if (i < place.count) {
      weight[threadIdx.x] = expf(static_cast<float>(A * (all - until))) * dt * read[threadIdx.x];
    }
    __syncthreads();
    if (column < p.width) {
      for (int t = lane; t < count; t += kLanes) {
        y += weight[t] * row_of(p.x, place.begin + first + t, head)[column];
      }
    }
    __syncthreads();
  }
  y = sum_of_lanes(y, weight);
  if (lane > 0 || column >= p.width) return;
  p.y_SHP[(int64_t(place.sequence) * p.heads + head) * p.width + column] = y;
}

__global__ void __launch_bounds__(kThreads) backward_kernel(SsdLastParams p) {
  const Place place(p);
  const int head = blockIdx.y, group = head / (p.heads / p.groups);
  const int64_t row = int64_t(place.sequence) * p.heads + head;
  const float* C = p.C_SGN + (int64_t(place.sequence) * p.groups + group) * p.state;
  const float *d_y = p.d_y_SHP + row * p.width, A = p.A_H[head];
  __shared__ float read[kChunk], along[kChunk], weight[kChunk];
  __shared__ Running running;
  const double all = sum_of_steps(p, place, head, running);
  double before = 0, earlier = 0, d_A = 0;
  for (int first = 0; first < place.count; first += kChunk) {
    dots_of_rows(p.B, C, p.state, place, first, group, read);
    dots_of_rows(p.x, d_y, p.width, place, first, head, along);
    const int at = threadIdx.x, i = first + at, count = min(kChunk, place.count - first);
    const bool real = i < place.count;
    const float dt = step_of(p, place, i, head);
    const double later = all - running.sum(dt, before);  // Has the barrier after the dots.
    const float decay = expf(static_cast<float>(A * later));
    const float d_read = real ? decay * dt * along[at] : 0;
    const float d_log_weight = real ? d_read * read[at] : 0;
    const double before_it = running.sum(d_log_weight, earlier) - d_log_weight;
    d_A += d_log_weight * later;
    if (real) {
      const int64_t token = place.begin + i;
      const float d_dt = decay * read[at] * along[at] + A * static_cast<float>(before_it);
      p.d_read_TH[token * p.heads + head] = d_read;
      p.d_dt_TH[token * p.heads + head] = d_dt * -expm1f(-dt);
      weight[at] = decay * dt * read[at];
    }
    __syncthreads();
    for (int entry = at; entry < count * p.width; entry += kThreads) {
      const int t = entry / p.width, column = entry % p.width;
      p.d_x_THP[((place.begin + first + t) * int64_t(p.heads) + head) * p.width + column] =
          weight[t] * d_y[column];
    }
    __syncthreads();
  }
  double d_A_of_all = 0;
  running.sum(d_A, d_A_of_all);
  if (threadIdx.x == 0) p.d_A_SH[row] = static_cast<float>(d_A_of_all);
}

// From the gradient of C . B through each head to those of B and C; a block a group of a sequence.
__global__ void __launch_bounds__(kThreads) groups_kernel(SsdLastParams p) {
  const Place place(p);
  const int group = blockIdx.y, heads = p.heads / p.groups;
  const int column = blockIdx.z * kColumns + threadIdx.x % kColumns;
  const int lane = threadIdx.x / kColumns;
  const int64_t of_C = (int64_t(place.sequence) * p.groups + group) * p.state + column;
  __shared__ float d_read[kChunk];
  float d_C = 0;
  for (int first = 0; first < place.count; first += kChunk) {
    const int i = first + threadIdx.x, count = min(kChunk, place.count - first);
    if (i < place.count) {
      const float* parts = p.d_read_TH + int64_t(place.begin + i) * p.heads + group * heads;
      float sum = 0;
      for (int head = 0; head < heads; ++head) sum += parts[head];
      d_read[threadIdx.x] = sum;
    }
    __syncthreads();
    if (column < p.state) {
      for (int t = lane; t < count; t += kLanes) {
        const int64_t token = place.begin + first + t;
        d_C += d_read[t] * row_of(p.B, token, group)[column];
        p.d_B_TGN[(token * p.groups + group) * p.state + column] = d_read[t] * p.C_SGN[of_C];
      }
    }
    __syncthreads();
  }
  d_C = sum_of_lanes(d_C, d_read);
  if (lane == 0 && column < p.state) p.d_C_SGN[of_C] = d_C;
}

unsigned tiles_of(int columns) {
  return static_cast<unsigned>((columns + kColumns - 1) / kColumns);
}

const char* forward(const SsdLastParams& p) {
  if (p.sequences == 0 || p.heads == 0 || p.width == 0) return nullptr;
  const dim3 grid(static_cast<unsigned>(p.sequences), p.heads, tiles_of(p.width));
  forward_kernel<<<grid, kThreads, 0, cuda_stream()>>>(p);
  return text_of(cudaGetLastError());
}

const char* backward(const SsdLastParams& p) {
  if (p.sequences == 0 || p.heads == 0) return nullptr;
  const auto stream = cuda_stream();
  const auto sequences = static_cast<unsigned>(p.sequences);
  backward_kernel<<<dim3(sequences, p.heads), kThreads, 0, stream>>>(p);
  if (const char* error = text_of(cudaGetLastError())) return error;
  if (p.state == 0) return nullptr;
  groups_kernel<<<dim3(sequences, p.groups, tiles_of(p.state)), kThreads, 0, stream>>>(p);
  return text_of(cudaGetLastError());
}

// Loading the plug-in fills the slot.
const int kFilled = (ssd_last_cuda = {forward, backward}, 0);

}  // namespace

}  // namespace seqsweep
