// The best items of each row and the ranks of targets on CUDA, float32: blocks score tiles of items
// and hand on lists or counts of their part of the items, which others merge. A score is the same
// sequence of fused multiply-adds as on the CPU. Legend: S rows, D width, K items listed.
#include "kernels/catalogue_ranking_cuda.h"
#include "kernels/cuda_launch.h"

namespace seqsweep {

namespace {

constexpr int kThreads = 256, kWarps = kThreads / 32;
constexpr int kItemsALane = kScoredTileItems / 32;  // Every 32nd of a tile.
constexpr int kDepth = 32, kPitch = kDepth + 4;     // Dimensions in shared memory at a time.

// ---- scores ----

__device__ bool has_float4s(const float* matrix, int width) {
  return width % 4 == 0 && reinterpret_cast<uintptr_t>(matrix) % 16 == 0;
}

__device__ float4 float4_at(const float* numbers) {
  return *reinterpret_cast<const float4*>(numbers);
}

__device__ float add_products(float4 h, float4 e, float sum) {
  sum = fmaf(h.x, e.x, sum);
  sum = fmaf(h.y, e.y, sum);
  sum = fmaf(h.z, e.z, sum);
  return fmaf(h.w, e.w, sum);
}

__device__ float score(const CatalogueToScore& c, const float* hidden, int item) {
  const float* embedding = c.embedding_VD + int64_t(item) * c.width;
  float sum = c.bias_V != nullptr ? c.bias_V[item] : 0;
  int d = 0;
  if (has_float4s(c.embedding_VD, c.width)) {
    for (; d < c.width; d += 4) {
      const float4 h = {hidden[d], hidden[d + 1], hidden[d + 2], hidden[d + 3]};
      sum = add_products(h, float4_at(embedding + d), sum);
    }
  }
  for (; d < c.width; ++d) sum = fmaf(hidden[d], embedding[d], sum);
  return sum;
}

template <int kRowsAWarp>
struct alignas(16) ScoreTile {
  float embedding[kScoredTileItems][kPitch], hidden[kRowsAWarp * kWarps][kPitch];
};

// kDepth numbers from `from` on of the rows [first, first + kRows) of a matrix; zeros beyond it.
template <int kRows>
__device__ void load_rows(const float* matrix, int64_t rows, int width, int64_t first, int from,
                          float (&tile)[kRows][kPitch]) {
  constexpr int kThreadsARow = kDepth / 4;
  const int column = static_cast<int>(threadIdx.x) % kThreadsARow * 4, d = from + column;
  const bool wide = has_float4s(matrix, width);
  for (int row = threadIdx.x / kThreadsARow; row < kRows; row += kThreads / kThreadsARow) {
    const float* numbers = matrix + (first + row) * width + d;
    float4 four = {0, 0, 0, 0};
    if (first + row < rows && d < width) {
      if (wide) {
        four = float4_at(numbers);
      } else {
        four.x = numbers[0];
        if (d + 1 < width) four.y = numbers[1];
        if (d + 2 < width) four.z = numbers[2];
        if (d + 3 < width) four.w = numbers[3];
      }
    }
    *reinterpret_cast<float4*>(&tile[row][column]) = four;
  }
}

// By all threads of a block: scores of the rows of each warp, first_row + kRowsAWarp * warp + r,
// for the items of each lane, first_item + lane + 32 j. Those of no row or item mean nothing.
template <int kRowsAWarp>
__device__ void score_tile(const CatalogueToScore& c, int64_t first_row, int first_item,
                           ScoreTile<kRowsAWarp>& tile, float (&scores)[kRowsAWarp][kItemsALane]) {
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  for (int j = 0; j < kItemsALane; ++j) {
    const int item = first_item + lane + 32 * j;
    const float bias = c.bias_V != nullptr && item < c.items ? c.bias_V[item] : 0;
    for (int r = 0; r < kRowsAWarp; ++r) scores[r][j] = bias;
  }
  for (int from = 0; from < c.width; from += kDepth) {
    __syncthreads();  // All have read what was there.
    load_rows(c.embedding_VD, c.items, c.width, first_item, from, tile.embedding);
    load_rows(c.hidden_SD, c.rows, c.width, first_row, from, tile.hidden);
    __syncthreads();
    const int depth = c.width - from < kDepth ? c.width - from : kDepth;
    for (int d = 0; d < depth; d += 4) {
      float4 e[kItemsALane];
#pragma unroll
      for (int j = 0; j < kItemsALane; ++j) e[j] = float4_at(&tile.embedding[lane + 32 * j][d]);
#pragma unroll
      for (int r = 0; r < kRowsAWarp; ++r) {
        const float4 h = float4_at(&tile.hidden[warp * kRowsAWarp + r][d]);
#pragma unroll
        for (int j = 0; j < kItemsALane; ++j) scores[r][j] = add_products(h, e[j], scores[r][j]);
      }
    }
  }
}

// ---- lists ----

__device__ ListedKey listed_key(float score, int item) {
  const uint32_t bits = __float_as_uint(score + 0.0F);  // -0 is 0.
  const uint32_t ordered = (bits >> 31) != 0 ? ~bits : bits | 0x80000000U;
  return uint64_t(ordered) << 32 | ~static_cast<uint32_t>(item);
}

__device__ float score_of(ListedKey key) {
  const auto ordered = static_cast<uint32_t>(key >> 32);
  return __uint_as_float((ordered >> 31) != 0 ? ordered & 0x7FFFFFFFU : ~ordered);
}

template <int kGroup>
__device__ void wait_for_group() {
  if constexpr (kGroup == 32) {
    __syncwarp();
  } else {
    __syncthreads();
  }
}

// Highest first (bitonic), by the kGroup threads of a warp or block; kSize is a power of two.
template <int kGroup, int kSize>
__device__ void sort_keys(ListedKey (&keys)[kSize]) {
  for (int run = 2; run <= kSize; run *= 2) {
    for (int step = run / 2; step > 0; step /= 2) {
      wait_for_group<kGroup>();
      for (int pair = threadIdx.x % kGroup; pair < kSize / 2; pair += kGroup) {
        const int i = 2 * pair - (pair & (step - 1)), other = i + step;
        const ListedKey a = keys[i], b = keys[other];
        if (((i & run) == 0) == (a < b)) {
          keys[i] = b;
          keys[other] = a;
        }
      }
    }
  }
  wait_for_group<kGroup>();
}

__device__ bool is_excluded(const CatalogueBestParams& p, int64_t row, int item) {
  if (p.excluded == nullptr) return false;
  int64_t low = p.excluded_offsets_S1[row], high = p.excluded_offsets_S1[row + 1];
  while (low < high) {
    const int64_t middle = (low + high) / 2;
    if (p.excluded[middle] < item) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low < p.excluded_offsets_S1[row + 1] && p.excluded[low] == item;
}

// 0 where there is no such item, or it is left out.
__device__ ListedKey key_of(const CatalogueBestParams& p, int64_t row, int item, float score) {
  if (item >= p.catalogue.items) return 0;
  if (isnan(score)) *p.catalogue.has_nan = 1;
  return is_excluded(p, row, item) ? 0 : listed_key(score, item);
}

// A block scores 256 items for one row and sorts them all.
__global__ void __launch_bounds__(kThreads) list_row_kernel(CatalogueBestParams p, ListedKey* to) {
  extern __shared__ float hidden[];
  __shared__ ListedKey keys[kThreads];
  const CatalogueToScore& c = p.catalogue;
  const int64_t row = blockIdx.x;
  for (int d = threadIdx.x; d < c.width; d += kThreads) hidden[d] = c.hidden_SD[row * c.width + d];
  __syncthreads();
  const int item = static_cast<int>(blockIdx.y) * kThreads + static_cast<int>(threadIdx.x);
  keys[threadIdx.x] = item < c.items ? key_of(p, row, item, score(c, hidden, item)) : 0;
  sort_keys<kThreads>(keys);
  to += (row * gridDim.y + blockIdx.y) * p.count;
  for (int k = threadIdx.x; k < p.count; k += kThreads) to[k] = keys[k];
}

// What a warp keeps of a row: the best so far, then candidates that came since they were sorted.
template <int kRoom>
struct BestOfRow {
  ListedKey keys[kRoom], worst;  // The last that is listed; 0 until the list is full.
  float least;                   // Its score.
  int filled;
};

// Drops all but the best `count`; returns how many there are.
template <int kRoom>
__device__ int keep_best(BestOfRow<kRoom>& best, int filled, int count) {
  const int lane = threadIdx.x % 32;
  for (int i = filled + lane; i < kRoom; i += 32) best.keys[i] = 0;
  sort_keys<32>(best.keys);
  if (lane == 0) {
    best.worst = best.keys[count - 1];
    best.least = best.worst != 0 ? score_of(best.worst) : -INFINITY;
  }
  __syncwarp();
  return filled < count ? filled : count;
}

// By a warp that holds scores of which one may be among the best.
template <int kRoom>
__device__ __noinline__ void offer(const CatalogueBestParams& p, BestOfRow<kRoom>& best,
                                   int64_t row, int first_item, float4 scores) {
  const int lane = threadIdx.x % 32;
  int filled = best.filled;
  for (int j = 0; j < kItemsALane; ++j) {
    const float score = j == 0 ? scores.x : j == 1 ? scores.y : j == 2 ? scores.z : scores.w;
    const bool candidate = !(score < best.least);
    ListedKey key = candidate ? key_of(p, row, first_item + lane + 32 * j, score) : 0;
    if (key <= best.worst) key = 0;
    const unsigned wanted = __ballot_sync(~0U, key != 0);
    if (key != 0) best.keys[filled + __popc(wanted & ((1U << lane) - 1))] = key;
    filled += __popc(wanted);
    if (filled > kRoom - 32) filled = keep_best(best, filled, p.count);
  }
  __syncwarp();
  if (lane == 0) best.filled = filled;
  __syncwarp();
}

// A block lists the best of a part of the items for many rows.
template <int kRoom>
__global__ void __launch_bounds__(kThreads)
    list_rows_kernel(CatalogueBestParams p, int tiles, ListedKey* to) {
  constexpr int kRowsAWarp = 64 * kScoredRowsABlock / kRoom / kWarps;
  static_assert(kItemsALane == 4);
  __shared__ ScoreTile<kRowsAWarp> tile;
  __shared__ BestOfRow<kRoom> rows[kRowsAWarp * kWarps];
  const CatalogueToScore& c = p.catalogue;
  const int lane = threadIdx.x % 32;
  const int64_t first_row = int64_t(blockIdx.x) * (kRowsAWarp * kWarps);
  BestOfRow<kRoom>* const best = rows + threadIdx.x / 32 * kRowsAWarp;
  const int64_t row = first_row + (best - rows);  // The warp's first.
  if (lane < kRowsAWarp) {
    best[lane].worst = 0;
    best[lane].least = -INFINITY;
    best[lane].filled = 0;
  }
  __syncwarp();
  for (int t = 0; t < tiles; ++t) {
    const int64_t first_item = (int64_t(blockIdx.y) * tiles + t) * kScoredTileItems;
    if (first_item >= c.items) break;
    float scores[kRowsAWarp][kItemsALane];
    score_tile(c, first_row, static_cast<int>(first_item), tile, scores);
#pragma unroll
    for (int r = 0; r < kRowsAWarp; ++r) {
      const float least = best[r].least;
      bool candidate = false;  // Also a NaN.
#pragma unroll
      for (float x : scores[r]) candidate |= !(x < least);
      if (row + r >= c.rows || !__any_sync(~0U, candidate)) continue;
      offer(p, best[r], row + r, static_cast<int>(first_item),
            {scores[r][0], scores[r][1], scores[r][2], scores[r][3]});
    }
  }
  for (int r = 0; r < kRowsAWarp && row + r < c.rows; ++r) {
    keep_best(best[r], best[r].filled, p.count);
    ListedKey* const list = to + ((row + r) * gridDim.y + blockIdx.y) * p.count;
    for (int k = lane; k < p.count; k += 32) list[k] = best[r].keys[k];
  }
}

// From [S, from_a_row] to [S, blocks, K].
template <int kSize>
__global__ void __launch_bounds__(kThreads)
    merge_kernel(const ListedKey* from, int64_t from_a_row, ListedKey* to, int count) {
  __shared__ ListedKey keys[kSize];
  const int64_t row = blockIdx.x, first = int64_t(blockIdx.y) * kSize;
  for (int i = threadIdx.x; i < kSize; i += kThreads) {
    keys[i] = first + i < from_a_row ? from[row * from_a_row + first + i] : 0;
  }
  sort_keys<kThreads>(keys);
  to += (row * gridDim.y + blockIdx.y) * count;
  for (int k = threadIdx.x; k < count; k += kThreads) to[k] = keys[k];
}

template <int kRoom>
void list_rows(const CatalogueBestParams& p, dim3 grid, int tiles, ListedKey* to) {
  list_rows_kernel<kRoom><<<grid, kThreads, 0, cuda_stream()>>>(p, tiles, to);
}

const char* best(const CatalogueBestParams& p) {
  const auto& [hidden, embedding, bias, rows, items, width, has_nan] = p.catalogue;
  if (rows == 0 || items == 0) return nullptr;
  if (p.count > kBestListMost) return "lists this long are not supported";
  const auto stream = cuda_stream();
  const int64_t a_block = listed_rows_a_block(rows, p.count);
  int64_t blocks = parts_of_items(rows, a_block, items);
  ListedKey* found = blocks > 1 ? p.scored : p.best_SK;
  const dim3 grid(static_cast<unsigned>((rows + a_block - 1) / a_block),
                  static_cast<unsigned>(blocks));
  if (a_block == 1) {
    const size_t bytes = static_cast<size_t>(width) * sizeof(float);
    list_row_kernel<<<grid, kThreads, bytes, stream>>>(p, found);
  } else {
    const int room = room_of_candidates(p.count);
    const auto run = room == 64 ? list_rows<64> : room == 128 ? list_rows<128> : list_rows<256>;
    run(p, grid, static_cast<int>(tiles_a_part(rows, a_block, items)), found);
  }
  ListedKey* free = p.merged;
  while (blocks > 1) {
    const int64_t from_a_row = blocks * p.count;
    blocks = (from_a_row + kMergedABlock - 1) / kMergedABlock;
    ListedKey* const to = blocks > 1 ? free : p.best_SK;
    const dim3 merging(static_cast<unsigned>(rows), static_cast<unsigned>(blocks));
    if (from_a_row <= kThreads) {
      merge_kernel<kThreads><<<merging, kThreads, 0, stream>>>(found, from_a_row, to, p.count);
    } else {
      merge_kernel<kMergedABlock><<<merging, kThreads, 0, stream>>>(found, from_a_row, to, p.count);
    }
    free = found;
    found = to;
  }
  return text_of(cudaGetLastError());
}

// ---- ranks ----

__global__ void score_targets_kernel(CatalogueRankParams p) {
  const CatalogueToScore& c = p.catalogue;
  const int64_t row = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (row >= c.rows) return;
  p.target_scores_S[row] = score(c, c.hidden_SD + row * c.width, p.targets_S[row]);
}

// How many items of a part score at least as high as each row's target.
__global__ void __launch_bounds__(kThreads) count_kernel(CatalogueRankParams p, int tiles) {
  constexpr int kRowsAWarp = kScoredRowsABlock / kWarps;
  __shared__ ScoreTile<kRowsAWarp> tile;
  const CatalogueToScore& c = p.catalogue;
  const int lane = threadIdx.x % 32;
  const int64_t first_row = int64_t(blockIdx.x) * kScoredRowsABlock;
  const int64_t row = first_row + threadIdx.x / 32 * kRowsAWarp;  // The warp's first.
  float targets[kRowsAWarp];
  int counts[kRowsAWarp] = {};
  for (int r = 0; r < kRowsAWarp; ++r) {
    targets[r] = row + r < c.rows ? p.target_scores_S[row + r] : 0;
  }
  bool has_nan = false;
  for (int t = 0; t < tiles; ++t) {
    const int64_t first_item = (int64_t(blockIdx.y) * tiles + t) * kScoredTileItems;
    if (first_item >= c.items) break;
    float scores[kRowsAWarp][kItemsALane];
    score_tile(c, first_row, static_cast<int>(first_item), tile, scores);
#pragma unroll
    for (int j = 0; j < kItemsALane; ++j) {
      if (first_item + lane + 32 * j >= c.items) continue;
#pragma unroll
      for (int r = 0; r < kRowsAWarp; ++r) {
        counts[r] += scores[r][j] >= targets[r] ? 1 : 0;
        has_nan |= isnan(scores[r][j]) && row + r < c.rows;
      }
    }
  }
  if (has_nan) *c.has_nan = 1;
  for (int r = 0; r < kRowsAWarp; ++r) {
    for (int step = 16; step > 0; step /= 2) counts[r] += __shfl_xor_sync(~0U, counts[r], step);
    if (lane == 0 && row + r < c.rows) p.counts_PS[blockIdx.y * c.rows + row + r] = counts[r];
  }
}

__global__ void add_counts_kernel(CatalogueRankParams p, int parts) {
  const int64_t rows = p.catalogue.rows, row = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (row >= rows) return;
  int32_t count = -1;  // The target itself.
  for (int part = 0; part < parts; ++part) count += p.counts_PS[part * rows + row];
  p.ranks_S[row] = count;
}

const char* rank(const CatalogueRankParams& p) {
  const int64_t rows = p.catalogue.rows, items = p.catalogue.items;
  if (rows == 0 || items == 0) return nullptr;
  const auto stream = cuda_stream();
  constexpr int kThreadsOfRows = 64;  // A thread a row.
  const auto row_blocks = static_cast<unsigned>((rows + kThreadsOfRows - 1) / kThreadsOfRows);
  const int tiles = static_cast<int>(tiles_a_part(rows, kScoredRowsABlock, items));
  const auto parts = static_cast<unsigned>(parts_of_items(rows, kScoredRowsABlock, items));
  const dim3 grid(static_cast<unsigned>((rows + kScoredRowsABlock - 1) / kScoredRowsABlock), parts);
  score_targets_kernel<<<row_blocks, kThreadsOfRows, 0, stream>>>(p);
  count_kernel<<<grid, kThreads, 0, stream>>>(p, tiles);
  add_counts_kernel<<<row_blocks, kThreadsOfRows, 0, stream>>>(p, static_cast<int>(parts));
  return text_of(cudaGetLastError());
}

// Loading the plug-in fills the slot.
const int kFilled = (catalogue_ranking_cuda = {best, rank}, 0);

}  // namespace

}  // namespace seqsweep
