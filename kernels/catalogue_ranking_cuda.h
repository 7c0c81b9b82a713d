// What catalogue_ranking.cc asks of catalogue_ranking.cu, without torch or CUDA headers.
// Legend: S rows, V items, D width, K items listed, P parts that the items are scored in.
#pragma once

#include <algorithm>
#include <cstdint>

namespace seqsweep {

constexpr int kBestListMost = 128;     // The longest list that the kernel makes.
constexpr int kScoredTileItems = 128;  // Items that a block scores at a time.
constexpr int kScoredRowsABlock = 32;  // Rows that it ranks.
constexpr int kMergedABlock = 1024;    // So many listed items meet in a block, again and again.

// An item with its score, as a number that is the higher the earlier it is listed: the bits of the
// score, turned so that they rise with it, then those of ~id. 0: none.
using ListedKey = uint64_t;

// Room for the candidates of a row while its best `count` are looked for.
constexpr int room_of_candidates(int64_t count) {
  return count <= 16 ? 64 : count <= 64 ? 128 : 256;
}

// Rows that a block lists. Few rows fill a GPU only if each has blocks of its own.
constexpr int64_t listed_rows_a_block(int64_t rows, int64_t count) {
  return rows < 8 ? 1 : 64 * kScoredRowsABlock / room_of_candidates(count);
}

// Tiles that a block goes through: as many as leave some 640 blocks, enough for a GPU.
constexpr int64_t tiles_a_part(int64_t rows, int64_t rows_a_block, int64_t items) {
  if (rows_a_block == 1) return 2;
  const int64_t tiles = (items + kScoredTileItems - 1) / kScoredTileItems;
  const int64_t parts = std::max<int64_t>(640 * rows_a_block / std::max<int64_t>(rows, 1), 1);
  return std::max<int64_t>((tiles + parts - 1) / parts, 2);
}

constexpr int64_t parts_of_items(int64_t rows, int64_t rows_a_block, int64_t items) {
  const int64_t a_part = tiles_a_part(rows, rows_a_block, items) * kScoredTileItems;
  return (items + a_part - 1) / a_part;
}

struct CatalogueToScore {
  const float *hidden_SD = nullptr, *embedding_VD = nullptr, *bias_V = nullptr;  // Or no bias.
  int64_t rows = 0;
  int items = 0, width = 0;
  int32_t* has_nan = nullptr;  // Becomes 1 where an item scores NaN.
};

struct CatalogueBestParams {
  CatalogueToScore catalogue;
  // The items left out of each row's list, sorted, or nullptr.
  const int32_t* excluded = nullptr;
  const int64_t* excluded_offsets_S1 = nullptr;
  int count = 0;
  ListedKey* best_SK = nullptr;  // K = count.
  // Room for [S, P, K], with parts_of_items(); and for what is merged of it: P K / kMergedABlock,
  // rounded up, times K a row.
  ListedKey *scored = nullptr, *merged = nullptr;
};

struct CatalogueRankParams {
  CatalogueToScore catalogue;
  const int32_t* targets_S = nullptr;
  float* target_scores_S = nullptr;  // Room.
  int32_t* counts_PS = nullptr;      // Room, with parts_of_items() of kScoredRowsABlock.
  int32_t* ranks_S = nullptr;
};

// Both run on the current stream and return nullptr, or the text of the CUDA error.
struct CatalogueRankingCuda {
  const char* (*best)(const CatalogueBestParams&) = nullptr;
  const char* (*rank)(const CatalogueRankParams&) = nullptr;
};

// Filled in by the CUDA plug-in when it is loaded (kernels/cuda_plugin.h).
extern CatalogueRankingCuda catalogue_ranking_cuda;

}  // namespace seqsweep
