#include "kernels/embed_and_norm_cpu.h"

#include <algorithm>
#include <vector>

#include "kernels/transpose.h"

namespace seqsweep {

namespace {

// The rows of a table lie anywhere: a token's is fetched while those before are copied.
constexpr int64_t kTokensAhead = 16;

void copy_token(const EmbedAndNormNumbers& in, int64_t token, int64_t ahead, float* x_D) {
  const int64_t width = in.width;
  const float* const later = in.table + in.items[ahead] * width;
  for (int64_t d = 0; d < width; d += 64 / sizeof(float)) __builtin_prefetch(later + d);
  const float* const item = in.table + in.items[token] * width;
  std::copy_n(item, width, x_D);
  if (in.positions == nullptr) return;
  const float* const position = in.positions + in.position_of[token] * width;
#pragma omp simd
  for (int64_t d = 0; d < width; ++d) x_D[d] += position[d];
}

}  // namespace

void embed_columns(const EmbedAndNormNumbers& in, const PanelOps& ops, int64_t first, int64_t count,
                   Rows<float> x_DC) {
  std::vector<float> tokens(kPanelColumns * in.width);
  for (int64_t column = 0; column < count; column += kPanelColumns) {
    const int64_t some = std::min(kPanelColumns, count - column);
    for (int64_t i = 0; i < some; ++i) {
      const int64_t token = column + i;
      copy_token(in, first + token, first + std::min(token + kTokensAhead, count - 1),
                 tokens.data() + i * in.width);
    }
    std::fill(tokens.begin() + some * in.width, tokens.end(), 0.0F);
    transpose<float>(kPanelColumns, in.width, {tokens.data(), in.width},
                     {x_DC.data + column, x_DC.row_stride});
  }
  ops.add_and_norm(in.width, panel_columns(count), {}, in.weight, in.bias, in.eps, x_DC);
}

}  // namespace seqsweep
