// A linear layer on the columns of a panel.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "kernels/panel_ops.h"
#include "kernels/row_products.h"

namespace seqsweep {

struct LinearNumbers {
  const float *weight, *bias;  // [out, in], [out]
  int64_t out, in;
};

// y = weight x + bias in the first `columns` columns; others, up to a whole panel, become anything.
// A single column is multiplied by itself, to the same bits: a panel would compute fifteen more.
inline void project_columns(const LinearNumbers& linear, const PanelOps& ops, int64_t columns,
                            Rows<const float> x, Rows<float> y) {
  if (columns > 1) {
    return ops.multiply(linear.out, panel_columns(columns), linear.in,
                        {linear.weight, linear.in, 1}, linear.bias, x, y);
  }
  std::vector<float> column(linear.in), product(linear.bias, linear.bias + linear.out);
  for (int64_t i = 0; i < linear.in; ++i) column[i] = x.data[i * x.row_stride];
  add_row_products(column.data(), linear.weight, linear.out, linear.in, product.data());
  for (int64_t i = 0; i < linear.out; ++i) y.data[i * y.row_stride] = product[i];
}

}  // namespace seqsweep
