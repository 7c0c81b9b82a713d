// A block's chunk of tokens in ssd.cu: where it lies, its rows and the decays of its steps. Only
// for .cu files.
#pragma once

#include "kernels/cuda_tiles.h"
#include "kernels/ssd_cuda.h"

namespace seqsweep {

__device__ inline int64_t first_slot(const SsdCudaParams& p, int64_t sequence) {
  return p.offsets[sequence] / kSsdCudaChunk + sequence;
}

// The last sequence whose slots begin at `slot` or before: a warp looks at 32 at a time.
__device__ inline int sequence_of(const SsdCudaParams& p, int64_t slot) {
  int64_t first = 0, count = p.sequences;
  while (count > 1) {
    const int64_t step = (count + 31) / 32, ahead = step * (threadIdx.x % 32);
    const bool begun = ahead < count && first_slot(p, first + ahead) <= slot;
    const int64_t passed = step * (__popc(__ballot_sync(~0U, begun)) - 1);
    first += passed;
    count = count - passed < step ? count - passed : step;
  }
  return static_cast<int>(first);
}

// How the tokens of a sequence are walked.
struct SsdWalk {
  int sequence, length, walked, first, step, delay;
  __device__ SsdWalk(const SsdCudaParams& p, int sequence)
      : sequence(sequence),
        length(p.offsets[sequence + 1] - p.offsets[sequence]),
        walked(length > p.delay ? length - p.delay : 0),
        first(p.step > 0 ? p.offsets[sequence] : p.offsets[sequence] + length - 1),
        step(p.step),
        delay(p.delay) {}
  __device__ int chunks() const { return (walked + kSsdCudaChunk - 1) / kSsdCudaChunk; }
  // Of the i-th token walked, and of the one whose y reads the state after it.
  __device__ int64_t token(int i) const { return first + int64_t(step) * i; }
  __device__ int64_t reader(int i) const { return token(i + delay); }
};

// A head of the chunk of a block.
struct SsdChunk : SsdWalk {
  int head, group, number, rows;  // Rows: of its Q tokens, those that exist.
  int64_t index;                  // Of the slot and head.
  __device__ explicit SsdChunk(const SsdCudaParams& p)
      : SsdWalk(p, sequence_of(p, blockIdx.x)),
        head(blockIdx.y),
        group(head / (p.heads / p.groups)),
        number(static_cast<int>(blockIdx.x - first_slot(p, sequence))),
        rows(walked - number * kSsdCudaChunk < kSsdCudaChunk ? walked - number * kSsdCudaChunk
                                                             : kSsdCudaChunk),
        index(int64_t(blockIdx.x) * p.heads + head) {}
  __device__ bool empty() const { return rows <= 0; }
  __device__ bool last() const { return number + 1 == chunks(); }
  __device__ int64_t token(int row) const { return SsdWalk::token(number * kSsdCudaChunk + row); }
  __device__ int64_t reader(int row) const { return SsdWalk::reader(number * kSsdCudaChunk + row); }
};

template <typename T>
__device__ T* row_of(const SsdRows& rows, int64_t token, int head) {
  return static_cast<T*>(rows.data) + token * rows.token_stride + head * rows.head_stride;
}

// The chunk's rows of `used` numbers; `readers`: of the tokens that read, not of those walked.
template <typename T>
__device__ void load_tokens(Tile tile, const SsdRows& from, const SsdChunk& chunk, bool readers,
                            int head, int used) {
  read_rows(
      kSsdCudaChunk, padded(used), used,
      [&](int row) -> const T* {
        if (row >= chunk.rows) return nullptr;
        return row_of<T>(from, readers ? chunk.reader(row) : chunk.token(row), head);
      },
      [&](int row, int column, float number) { tile.at(row, column) = number; });
}

// put(row, column, number) for a state of `height` rows of `used` numbers.
template <typename Put>
__device__ void read_state(const float* from, int height, int used, Put put) {
  read_rows(
      padded(height), padded(used), used,
      [&](int row) { return row < height ? from + row * used : nullptr; }, put);
}

// dt after softplus and the sums of dt A from the chunk's start. The sums are double: a decay
// is e to the difference of two, which may be small while they are large.
struct SsdSteps {
  double log_decay[kSsdCudaChunk];
  float dt[kSsdCudaChunk], from_start[kSsdCudaChunk], to_end[kSsdCudaChunk], added[kSsdCudaChunk],
      whole;
  __device__ float decay(int from, int to) const {
    return from <= to ? expf(static_cast<float>(log_decay[to] - log_decay[from])) : 0.0F;
  }
};

template <typename T>
__device__ void load_steps(SsdSteps& steps, const SsdCudaParams& p, const SsdChunk& chunk) {
  if (threadIdx.x >= 32) return;
  const int lane = threadIdx.x;
  float dt = 0;
  if (lane < chunk.rows) {
    const float x = load(row_of<T>(p.dt, chunk.token(lane), chunk.head)) + p.dt_bias[chunk.head];
    dt = fmaxf(x, 0.0F) + log1pf(expf(-fabsf(x)));
  }
  double sum = static_cast<double>(dt) * p.A[chunk.head];
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

}  // namespace seqsweep
