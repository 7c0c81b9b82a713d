#include "kernels/ssd_mixer_last_cpu.h"

#include <algorithm>
#include <cmath>

#include "kernels/rms_norm_gate_row.h"
#include "kernels/row_math.h"
#include "kernels/row_products.h"
#include "kernels/transpose.h"

namespace seqsweep {

namespace {

constexpr int64_t kChannelsAtOnce = 48;  // Between projection and convolution.

}  // namespace

SsdMixerLastTask::SsdMixerLastTask(const SsdMixerNumbers& in, const PanelOps& ops,
                                   int64_t max_length)
    : in_(in),
      ops_(ops),
      margin_(panel_columns(in.conv_width)),
      x_DL_(in.width, max_length),
      projected_(kChannelsAtOnce, panel_columns(max_length) + 2 * margin_),
      x_and_B_(in.inner() + in.shared(), max_length),
      C_(in.shared(), 2 * kPanelColumns + panel_columns(in.conv_width + in.delay)),
      dt_HL_(in.heads, max_length),
      read_GL_(in.groups, max_length),
      C_GN_(in.shared()),
      weight_L_(max_length),
      own_H_(in.heads),
      last_x_E_(in.inner()),
      y_E_(in.inner()),
      z_E_(in.inner()),
      gated_E_(in.inner()) {}

void SsdMixerLastTask::run(const float* x_LD, int64_t length, float* y_D) {
  const int64_t columns = panel_columns(length), inner = in_.inner();
  transpose<float>(length, in_.width, {x_LD, in_.width}, x_DL_.rows());
  x_DL_.clear(in_.width, length, columns);
  convolve(0, inner + in_.shared(), 0, columns, x_and_B_.rows());
  ops_.multiply(in_.heads, columns, in_.width, {in_.dt_weight, in_.width, 1}, in_.dt_bias,
                x_DL_.right(), dt_HL_.rows());
  read_with_C(length, columns);
  for (int64_t i = 0; i < inner; ++i) last_x_E_[i] = x_and_B_.row(i)[length - 1];
  std::copy_n(in_.D, in_.heads, own_H_.data());
  if (in_.fc_D != nullptr) {
    add_row_products(last_x_E_.data(), in_.fc_D, in_.heads, inner, own_H_.data());
  }
  for (int64_t head = 0; head < in_.heads; ++head) read_head(head, length);
  leave(x_LD + (length - 1) * in_.width, y_D);
}

void SsdMixerLastTask::convolve(int64_t first, int64_t count, int64_t column, int64_t columns,
                                Rows<float> to) {
  projected_.clear(std::min(count, kChannelsAtOnce), 0, margin_);
  projected_.clear(std::min(count, kChannelsAtOnce), margin_ + columns, 2 * margin_ + columns);
  for (int64_t done = 0; done < count; done += kChannelsAtOnce) {
    const int64_t some = std::min(kChannelsAtOnce, count - done), channel = first + done;
    ops_.multiply(some, columns, in_.width, {in_.mixed_weight + channel * in_.width, in_.width, 1},
                  nullptr, x_DL_.right(0, column), projected_.rows(0, margin_));
    ops_.conv_silu(some, columns, in_.conv_width, in_.before,
                   in_.conv_weight + channel * in_.conv_width, in_.conv_bias + channel,
                   projected_.right(0, margin_), {to.data + done * to.row_stride, to.row_stride});
  }
}

// C is needed of one token only, so of its window: of the tokens from the last column on that is
// whole vectors before it. Those before the window get wrong numbers.
void SsdMixerLastTask::read_with_C(int64_t length, int64_t columns) {
  const int64_t token = std::max<int64_t>(0, length - 1 - in_.delay);
  const int64_t first = std::max<int64_t>(0, token - in_.before) / kPanelColumns * kPanelColumns;
  convolve(in_.inner() + in_.shared(), in_.shared(), first, columns - first, C_.rows());
  for (int64_t i = 0; i < in_.shared(); ++i) C_GN_[i] = C_.row(i)[token - first];
  for (int64_t group = 0; group < in_.groups; ++group) {
    ops_.multiply(1, columns, in_.state, {C_GN_.data() + group * in_.state, in_.state, 1}, nullptr,
                  x_and_B_.right(in_.inner() + group * in_.state), read_GL_.rows(group));
  }
}

void SsdMixerLastTask::read_head(int64_t head, int64_t length) {
  const int64_t count = std::max<int64_t>(0, length - in_.delay), first = head * in_.head_width;
  weights_.compute(dt_HL_.row(head), 1, /*bias=*/0, -std::exp(in_.A_log[head]), count);
  const float* const read = read_GL_.row(head / (in_.heads / in_.groups));
  for (int64_t i = 0; i < count; ++i) {
    weight_L_[i] = weights_.decay[i] * weights_.dt[i] * read[i];
  }
  for (int64_t i = first; i < first + in_.head_width; ++i) {
    y_E_[i] = row_dot(x_and_B_.row(i), weight_L_.data(), count) + own_H_[head] * last_x_E_[i];
  }
}

void SsdMixerLastTask::leave(const float* last_D, float* y_D) {
  const int64_t inner = in_.inner(), group_width = inner / in_.norm_groups;
  std::ranges::fill(z_E_, 0.0F);
  add_row_products(last_D, in_.z_weight, inner, in_.width, z_E_.data());
  for (int64_t first = 0; first < inner; first += group_width) {
    const GateGroup<float> group{y_E_.data() + first, z_E_.data() + first, in_.norm_weight + first,
                                 group_width, in_.norm_eps};
    const auto run = in_.order == GateOrder::GateFirst ? norm_and_gate<GateOrder::GateFirst, float>
                                                       : norm_and_gate<GateOrder::NormFirst, float>;
    run(group, gated_E_.data() + first);
  }
  std::fill_n(y_D, in_.width, 0.0F);
  add_row_products(gated_E_.data(), in_.out_proj, in_.width, inner, y_D);
}

}  // namespace seqsweep
