#include "kernels/norm_and_feed_forward_cpu.h"

#include <algorithm>

namespace seqsweep {

NormAndFeedForwardTask::NormAndFeedForwardTask(const NormAndFeedForwardNumbers& in,
                                               const PanelOps& ops, int64_t columns)
    : in_(in),
      ops_(ops),
      hidden_FC_(in.inner_width, std::min(columns, kFeedForwardColumns)),
      down_DC_(in.width, std::min(columns, kFeedForwardColumns)) {}

void NormAndFeedForwardTask::run(int64_t columns, Rows<const float> added_DC, Rows<float> x_DC) {
  const int64_t width = in_.width, inner = in_.inner_width;
  ops_.add_and_norm(width, columns, added_DC, in_.first_norm_weight, in_.first_norm_bias, in_.eps,
                    x_DC);
  for (int64_t column = 0; column < columns; column += kFeedForwardColumns) {
    const int64_t some = std::min(kFeedForwardColumns, columns - column);
    const Rows<float> x{x_DC.data + column, x_DC.row_stride};
    ops_.multiply(inner, some, width, {in_.up_weight, width, 1}, in_.up_bias,
                  {x.data, x.row_stride}, hidden_FC_.rows());
    ops_.gelu(inner, some, hidden_FC_.rows());
    ops_.multiply(width, some, inner, {in_.down_weight, inner, 1}, in_.down_bias,
                  hidden_FC_.right(), down_DC_.rows());
    ops_.add_and_norm(width, some, down_DC_.right(), in_.second_norm_weight, in_.second_norm_bias,
                      in_.eps, x);
  }
}

}  // namespace seqsweep
