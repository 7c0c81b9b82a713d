// What inference is made of where it computes one sequence at a time: operations on panels,
// matrices with a column a token. Tokens lie along the lanes of vectors, so weights [out, in]
// multiply from the left as they are stored and no sum crosses lanes: a token's numbers are the
// same bits whatever the width of the vectors, and whatever tokens stand beside it. Compiled for
// AVX2 and for AVX-512.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/panel.h"

namespace seqsweep {

struct PanelOps {
  const char* name;
  // out [rows, columns] = a [rows, depth] x [depth, columns] + bias [rows]; bias null: none.
  void (*multiply)(int64_t rows, int64_t columns, int64_t depth, Strided<float> a,
                   const float* bias, Rows<const float> x, Rows<float> out);
  // x = LayerNorm(x + added) of each column; weight and bias [rows]; added.data null: none.
  void (*add_and_norm)(int64_t rows, int64_t columns, Rows<const float> added, const float* weight,
                       const float* bias, float eps, Rows<float> x);
  void (*gelu)(int64_t rows, int64_t columns, Rows<float> x);
  // Scores [keys, columns] of the queries first_query + column: e^(scale (score - the column's
  // largest)), 0 where the key is later than the query. inverse_sums [columns]: of what is left.
  void (*causal_softmax)(int64_t keys, int64_t columns, int64_t first_query, float scale,
                         Rows<float> scores, float* inverse_sums);
  // out = SiLU(bias + sum_k weight[row, k] x[row, column + k - before]), k < width: x is read
  // `before` numbers before its rows and `width` behind them.
  void (*conv_silu)(int64_t rows, int64_t columns, int64_t width, int64_t before,
                    const float* weight, const float* bias, Rows<const float> x, Rows<float> out);
};

// The widest that this processor runs.
const PanelOps& panel_ops();
// All that it runs, for tests.
std::span<const PanelOps> all_panel_ops();

}  // namespace seqsweep
