// A task is a block of rows and a range of items. It turns one tile of items over, so that a row's
// scores of them lie side by side, and multiplies the block's rows with it; tile, rows and scores
// stay in the first cache. For a single row turning over would be most of the work: the tile is
// turned in registers only. Tasks are merged in the order of their items.
// Legend: S rows, V items, D width, I items of a tile.
#include "kernels/catalogue_ranking_cpu.h"

#include <ATen/Parallel.h>
#include <torch/types.h>

#include <algorithm>

#include "kernels/row_products.h"
#include "kernels/small_gemm.h"
#include "kernels/transpose.h"

namespace seqsweep {

namespace {

using at::Tensor;

constexpr int64_t kTileItems = 64;
constexpr int64_t kBlockRows = 48;
constexpr int64_t kItemsAtOnce = 8;  // Turned over together: a vector of them.

template <typename T>
struct View {
  int64_t rows, items, width;
  const T *hidden, *embedding, *bias;

  View(const Tensor& hidden_SD, const Tensor& embedding_VD, const Tensor& bias_V)
      : rows(hidden_SD.size(0)),
        items(embedding_VD.size(0)),
        width(hidden_SD.size(1)),
        hidden(hidden_SD.data_ptr<T>()),
        embedding(embedding_VD.data_ptr<T>()),
        bias(bias_V.defined() ? bias_V.data_ptr<T>() : nullptr) {}
};

struct Range {
  int64_t begin, end;
  int64_t size() const { return end - begin; }
};

// The scores of some rows for a tile of items. Every score is the same sequence of fused
// multiply-adds, whatever the rows and the tile around it.
template <typename T>
class TileScores {
 public:
  explicit TileScores(const View<T>& view)
      : in_(view), memory_(at::empty({view.width + kBlockRows, kTileItems}, dtype())) {
    items_DI_ = memory_.data_ptr<T>();
    scores_SI_ = items_DI_ + view.width * kTileItems;
  }

  void compute(Range rows, Range items) {
    for (int64_t r = 0; r < rows.size(); ++r) {
      T* scores = scores_SI_ + r * kTileItems;
      std::fill_n(scores, kTileItems, T(0));
      if (in_.bias != nullptr) std::copy_n(in_.bias + items.begin, items.size(), scores);
    }
    const T* hidden = in_.hidden + rows.begin * in_.width;
    const T* embedding = in_.embedding + items.begin * in_.width;
    if constexpr (std::is_same_v<T, float>) {
      if (rows.size() == 1) {
        return add_row_products(hidden, embedding, items.size(), in_.width, scores_SI_);
      }
    }
    for (int64_t first = 0; first < items.size(); first += kItemsAtOnce) {
      const T* some = embedding + first * in_.width;
      fetch_ahead(some + kTileItems * in_.width);
      transpose<T>(std::min(kItemsAtOnce, items.size() - first), in_.width, {some, in_.width},
                   {items_DI_ + first, kTileItems});
    }
    small_gemm<Into::Add>(rows.size(), padded_columns<T>(items.size()), in_.width,
                          Strided<T>{hidden, in_.width, 1}, Rows<const T>{items_DI_, kTileItems},
                          Rows<T>{scores_SI_, kTileItems});
  }
  const T* row(int64_t r) const { return scores_SI_ + r * kTileItems; }

 private:
  // The rows that the next tile turns over at this point, or memory behind the last, which a
  // prefetch may name. The processor sees no pattern in how a block is read; for few rows of scores
  // the reading is all the time there is.
  void fetch_ahead(const T* from) const {
    for (int64_t i = 0; i < kItemsAtOnce * in_.width; i += 64 / sizeof(T)) {
      __builtin_prefetch(from + i);
    }
  }

  static at::ScalarType dtype() { return c10::CppTypeToScalarType<T>::value; }

  const View<T>& in_;
  Tensor memory_;
  T *items_DI_, *scores_SI_;
};

struct Division {
  int64_t rows_a_block, blocks, items_a_part, parts;
};

// Over rows first; over items, when there are few rows and each thread gets work that is worth its
// start.
template <typename T>
Division divide(const View<T>& view) {
  constexpr int64_t kProductsATask = 1 << 21;
  const int64_t threads = at::get_num_threads();
  const auto ceiling = [](int64_t a, int64_t b) { return (a + b - 1) / b; };
  Division division{};  // Without rows or items: no tasks.
  if (view.rows == 0 || view.items == 0) return division;
  const int64_t full_blocks = ceiling(view.rows, kBlockRows);
  const int64_t blocks =
      full_blocks < threads ? full_blocks : ceiling(full_blocks, threads) * threads;
  division.rows_a_block = ceiling(view.rows, blocks);
  division.blocks = ceiling(view.rows, division.rows_a_block);
  const int64_t worthwhile = view.rows * view.items * view.width / kProductsATask;
  const int64_t parts =
      std::clamp<int64_t>(worthwhile, 1, std::max<int64_t>(threads / division.blocks, 1));
  division.items_a_part = ceiling(ceiling(view.items, parts), kTileItems) * kTileItems;
  division.parts = ceiling(view.items, division.items_a_part);
  return division;
}

// visit(rows, items, part, scores) for every task.
template <typename T>
void for_each_task(const View<T>& view, const Division& division, const auto& visit) {
  at::parallel_for(0, division.blocks * division.parts, 1, [&](int64_t begin, int64_t end) {
    TileScores<T> scores(view);
    for (int64_t task = begin; task < end; ++task) {
      const int64_t part = task % division.parts, row = task / division.parts;
      const Range rows{row * division.rows_a_block,
                       std::min(view.rows, (row + 1) * division.rows_a_block)};
      const Range items{part * division.items_a_part,
                        std::min(view.items, (part + 1) * division.items_a_part)};
      visit(rows, items, part, scores);
    }
  });
}

void for_each_tile(Range items, const auto& visit) {
  for (int64_t first = items.begin; first < items.end; first += kTileItems) {
    visit(Range{first, std::min(items.end, first + kTileItems)});
  }
}

struct Counts {
  int32_t at_least = 0, below = 0;  // A NaN is neither.
};

template <typename T>
void add_counts(const T* scores, int64_t items, T target_score, Counts& counts) {
  int32_t at_least = 0, below = 0;
#pragma omp simd reduction(+ : at_least, below)
  for (int64_t i = 0; i < items; ++i) {
    at_least += scores[i] >= target_score ? 1 : 0;
    below += scores[i] < target_score ? 1 : 0;
  }
  counts.at_least += at_least;
  counts.below += below;
}

template <typename T>
std::vector<int32_t> rank(const View<T>& view, std::span<const int32_t> targets) {
  const Division division = divide(view);
  std::vector<Counts> counts(view.rows * division.parts);
  for_each_task(view, division, [&](Range rows, Range items, int64_t part, TileScores<T>& scores) {
    T target_scores[kBlockRows];
    for (int64_t row = rows.begin; row < rows.end; ++row) {
      scores.compute({row, row + 1}, {targets[row], targets[row] + 1});
      target_scores[row - rows.begin] = scores.row(0)[0];
    }
    for_each_tile(items, [&](Range tile) {
      scores.compute(rows, tile);
      for (int64_t r = 0; r < rows.size(); ++r) {
        add_counts(scores.row(r), tile.size(), target_scores[r],
                   counts[part * view.rows + rows.begin + r]);
      }
    });
  });
  std::vector<int32_t> ranks(view.rows, -1);  // The target scores at least as high as itself.
  for (int64_t row = 0; row < view.rows; ++row) {
    int64_t seen = 0;
    for (int64_t part = 0; part < division.parts; ++part) {
      const Counts& some = counts[part * view.rows + row];
      ranks[row] += some.at_least;
      seen += some.at_least + some.below;
    }
    if (seen != view.items) throw_nan_score();
  }
  return ranks;
}

// Of a tile few items are among the best so far: first it is only asked whether any is.
template <typename T>
void offer_tile(const T* scores, Range tile, std::span<const int32_t> excluded, BestList& best) {
  int32_t any = 0;
#pragma omp simd reduction(| : any)
  for (int64_t i = 0; i < tile.size(); ++i) {
    any |= best.admits(static_cast<float>(scores[i])) ? 1 : 0;
  }
  if (any == 0) return;
  for (int64_t i = 0; i < tile.size(); ++i) {
    const auto item = static_cast<int32_t>(tile.begin + i);
    const auto score = static_cast<float>(scores[i]);
    if (!best.admits(score)) continue;
    if (std::isnan(score)) throw_nan_score();
    if (!std::ranges::binary_search(excluded, item)) best.offer(item, score);
  }
}

template <typename T>
std::vector<std::vector<ScoredItem>> best(const View<T>& view, int64_t count,
                                          const ItemLists& excluded) {
  const Division division = divide(view);
  std::vector<std::vector<BestList>> lists(std::max<int64_t>(division.parts, 1),
                                           std::vector<BestList>(view.rows, BestList(count)));
  for_each_task(view, division, [&](Range rows, Range items, int64_t part, TileScores<T>& scores) {
    for_each_tile(items, [&](Range tile) {
      scores.compute(rows, tile);
      for (int64_t row = rows.begin; row < rows.end; ++row) {
        offer_tile(scores.row(row - rows.begin), tile, excluded.of(row), lists[part][row]);
      }
    });
  });
  std::vector<std::vector<ScoredItem>> results(view.rows);
  for (int64_t row = 0; row < view.rows; ++row) {
    for (int64_t part = 1; part < division.parts; ++part) {
      for (const auto& [item, score] : lists[part][row].items()) lists[0][row].offer(item, score);
    }
    results[row] = lists[0][row].take();
  }
  return results;
}

}  // namespace

std::vector<int32_t> rank_in_catalogue_cpu(const Tensor& hidden_SD, const Tensor& embedding_VD,
                                           const Tensor& bias_V, std::span<const int32_t> targets) {
  return hidden_SD.scalar_type() == at::kFloat
             ? rank(View<float>(hidden_SD, embedding_VD, bias_V), targets)
             : rank(View<double>(hidden_SD, embedding_VD, bias_V), targets);
}

std::vector<std::vector<ScoredItem>> best_in_catalogue_cpu(const Tensor& hidden_SD,
                                                           const Tensor& embedding_VD,
                                                           const Tensor& bias_V, int64_t count,
                                                           const ItemLists& excluded) {
  return hidden_SD.scalar_type() == at::kFloat
             ? best(View<float>(hidden_SD, embedding_VD, bias_V), count, excluded)
             : best(View<double>(hidden_SD, embedding_VD, bias_V), count, excluded);
}

}  // namespace seqsweep
