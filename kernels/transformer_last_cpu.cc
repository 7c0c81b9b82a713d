#include "kernels/transformer_last_cpu.h"

#include <algorithm>
#include <cmath>

#include "kernels/row_math.h"
#include "kernels/row_products.h"
#include "kernels/transpose.h"

namespace seqsweep {

namespace {

// Queries at a time: few, since each meets the keys of the last of them.
constexpr int64_t kQueriesAtOnce = kPanelColumns;

}  // namespace

TransformerLastTask::TransformerLastTask(const TransformerNumbers& in, const PanelOps& ops,
                                         int64_t max_length)
    : in_(in),
      ops_(ops),
      head_width_(in.width / in.heads),
      x_DC_(in.width, max_length),
      qkv_3DC_(3 * in.width, max_length),
      scores_CC_(panel_columns(max_length), kQueriesAtOnce),
      token_D_(in.width),
      query_D_(in.width),
      read_HD_(in.heads * in.width),
      attended_D_(in.width),
      weights_HC_(in.heads, max_length),
      last_DS_(in.width, kPanelColumns),
      attended_DS_(in.width, kPanelColumns),
      mixed_DS_(in.width, kPanelColumns) {
  for (const TransformerBlockNumbers& block : in.blocks) {
    rests_.emplace_back(block.rest, ops, panel_columns(max_length));
  }
}

float TransformerLastTask::score_scale() const {
  return 1 / std::sqrt(static_cast<float>(head_width_));
}

void TransformerLastTask::add(int64_t first_token, int64_t length) {
  const int64_t columns = panel_columns(length);
  embed_columns(in_.embed, ops_, first_token, length, x_DC_.rows());
  for (size_t i = 0; i + 1 < in_.blocks.size(); ++i) run_block(i, columns);
  for (int64_t d = 0; d < in_.width; ++d) token_D_[d] = x_DC_.row(d)[length - 1];
  attend_last(in_.blocks.back(), length, columns);
  for (int64_t d = 0; d < in_.width; ++d) {
    last_DS_.row(d)[added_] = token_D_[d];
    attended_DS_.row(d)[added_] = attended_D_[d];
  }
  ++added_;
}

// The attention's output takes the place of the queries, mixed that of the keys. Whole panels: keys
// and values of columns without a token are multiplied with weights of zero, and must be finite.
void TransformerLastTask::run_block(size_t block, int64_t columns) {
  const TransformerBlockNumbers& numbers = in_.blocks[block];
  project_columns(numbers.qkv, ops_, columns, x_DC_.right(), qkv_3DC_.rows());
  for (int64_t head = 0; head < in_.heads; ++head) attend(head, columns);
  project_columns(numbers.mix, ops_, columns, qkv_3DC_.right(), qkv_3DC_.rows(in_.width));
  rests_[block].run(columns, qkv_3DC_.right(in_.width), x_DC_.rows());
}

// The head's output takes the place of its queries.
void TransformerLastTask::attend(int64_t head, int64_t columns) {
  const int64_t query = head * head_width_, key = in_.width + query, value = in_.width + key;
  float inverse_sums[kQueriesAtOnce];
  for (int64_t first = 0; first < columns; first += kQueriesAtOnce) {
    const int64_t keys = first + kQueriesAtOnce;
    ops_.multiply(keys, kQueriesAtOnce, head_width_, qkv_3DC_.left_transposed(key), nullptr,
                  qkv_3DC_.right(query, first), scores_CC_.rows());
    ops_.causal_softmax(keys, kQueriesAtOnce, first, score_scale(), scores_CC_.rows(),
                        inverse_sums);
    ops_.multiply(head_width_, kQueriesAtOnce, keys, qkv_3DC_.left(value), nullptr,
                  scores_CC_.right(), qkv_3DC_.rows(query, first));
    for (int64_t p = 0; p < head_width_; ++p) {
      float* const out = qkv_3DC_.row(query + p) + first;
#pragma omp simd
      for (int64_t i = 0; i < kQueriesAtOnce; ++i) out[i] *= inverse_sums[i];
    }
  }
}

// Of one query, the keys and values of all tokens need not be known: with W_k, W_v and b_v of a
// head, q.(W_k x_t) = (W_k^T q).x_t, where b_k adds the same to all scores, and since the weights
// sum to 1, sum_t w_t (W_v x_t + b_v) = W_v (sum_t w_t x_t) + b_v.
void TransformerLastTask::attend_last(const TransformerBlockNumbers& block, int64_t length,
                                      int64_t columns) {
  const int64_t width = in_.width;
  std::copy_n(block.qkv.bias, width, query_D_.data());
  add_row_products(token_D_.data(), block.qkv.weight, width, width, query_D_.data());
  std::ranges::fill(read_HD_, 0.0F);
  for (int64_t i = 0; i < width; ++i) {
    const float query = query_D_[i], *const key_weight = block.qkv.weight + (width + i) * width;
    float* const read = read_HD_.data() + i / head_width_ * width;
#pragma omp simd
    for (int64_t d = 0; d < width; ++d) read[d] += query * key_weight[d];
  }
  ops_.multiply(in_.heads, columns, width, {read_HD_.data(), width, 1}, nullptr, x_DC_.right(),
                weights_HC_.rows());
  std::copy_n(block.qkv.bias + 2 * width, width, attended_D_.data());
  for (int64_t head = 0; head < in_.heads; ++head) {
    float *const weights = weights_HC_.row(head), *const mixture_D = read_HD_.data();
    const float shift = score_scale() * row_max(weights, length);
    const float inverse_sum = 1 / row_exp_sum(weights, length, score_scale(), shift);
    for (int64_t d = 0; d < width; ++d) {
      mixture_D[d] = inverse_sum * row_dot(x_DC_.row(d), weights, length);
    }
    const int64_t first = head * head_width_;
    add_row_products(mixture_D, block.qkv.weight + (2 * width + first) * width, head_width_, width,
                     attended_D_.data() + first);
  }
}

void TransformerLastTask::finish(float* y_SD) {
  const int64_t width = in_.width;
  attended_DS_.clear(width, added_, kPanelColumns);
  last_DS_.clear(width, added_, kPanelColumns);
  project_columns(in_.blocks.back().mix, ops_, added_, attended_DS_.right(), mixed_DS_.rows());
  rests_.back().run(added_, mixed_DS_.right(), last_DS_.rows());
  transpose<float>(width, added_, last_DS_.right(), {y_SD, width});
  added_ = 0;
}

}  // namespace seqsweep
