// Divides the sequences and heads among the threads. A task is some heads of one sequence
// (SsdViews::block), the threads get contiguous runs of tasks of about as many tokens each, and
// what several tasks add to is summed afterwards in one order.
#include "kernels/ssd_cpu.h"

#include <ATen/Parallel.h>
#include <torch/types.h>

#include "kernels/ssd_backward.h"
#include "kernels/ssd_forward.h"

namespace seqsweep {

namespace {

using at::Tensor;

// Multiply-adds that are worth waking a thread for.
constexpr int64_t kWorkOfAThread = 1 << 20;

// A task belongs to the run in which its first token lies, counted over all tasks.
template <typename T, typename MakeTask>
void for_each_task(const SsdViews<T>& views, const MakeTask& make_task) {
  const int64_t blocks = views.blocks(), tokens = views.offsets[views.sequences];
  const int64_t work_of_a_token = 4 * views.heads_a_block * views.state * views.width;
  const int64_t grain =
      std::max<int64_t>(kWorkOfAThread / std::max<int64_t>(work_of_a_token, 1), 1);
  at::parallel_for(0, tokens * blocks, grain, [&](int64_t begin, int64_t end) {
    auto task = make_task();
    for (int64_t s = 0; s < views.sequences; ++s) {
      const int64_t length = views.length(s);
      for (int64_t block = 0; length > 0 && block < blocks; ++block) {
        const int64_t first = views.offsets[s] * blocks + block * length;
        if (first >= begin && first < end) task.run(s, views.block(block));
      }
    }
  });
}

// No chunk is longer than the longest sequence: a short one needs little scratch.
template <typename T>
int64_t longest_chunk(const SsdViews<T>& views, int64_t chunk) {
  int64_t longest = 1;
  for (int64_t s = 0; s < views.sequences; ++s) longest = std::max(longest, views.length(s));
  return std::min(chunk, longest);
}

template <typename T>
SsdGradientViews<T> views_of(const SsdGradients& d, const Tensor& d_A_SH,
                             const std::vector<SsdDirection>& parts) {
  SsdGradientViews<T> views{
      TokenRows<T>(d.x_THP), TokenRows<T>(d.skip_TH), d_A_SH.data_ptr<T>(), {}};
  for (const SsdDirection& direction : parts) {
    auto& to = views.directions.emplace_back();
    to.dt = TokenRows<T>(direction.dt_TH);
    for (int64_t part = 0; part < direction.B_TGN.size(0); ++part) {
      to.B.emplace_back(direction.B_TGN.select(0, part));
      to.C.emplace_back(direction.C_TGN.select(0, part));
    }
  }
  return views;
}

template <typename T>
SsdGradients backward(const SsdPass& pass, const Tensor& d_y, int64_t chunk) {
  const SsdViews<T> views(pass);
  const auto& options = pass.x_THP.options();
  SsdGradients d;
  d.x_THP = at::empty(pass.x_THP.sizes(), options);
  d.skip_TH = at::empty(pass.skip_TH.sizes(), options);
  const Tensor d_A_SH = at::zeros({views.sequences, views.heads}, options);
  // B and C with a leading dimension: a part for each block of a group.
  for (const SsdDirection& direction : pass.directions) {
    const auto sizes = direction.B_TGN.sizes();
    const auto parts = [&] {
      return at::empty({views.blocks_a_group, sizes[0], sizes[1], sizes[2]}, options);
    };
    d.directions.push_back({at::empty(direction.dt_TH.sizes(), options), parts(), parts()});
  }
  const SsdGradientViews<T> to = views_of<T>(d, d_A_SH, d.directions);
  const int64_t longest = longest_chunk(views, chunk);
  for_each_task(views, [&] { return SsdBackward<T>(views, TokenRows<T>(d_y), to, longest); });
  d.A_H = d_A_SH.sum(0);
  for (SsdDirection& direction : d.directions) {
    const bool one = views.blocks_a_group == 1;
    direction.B_TGN = one ? direction.B_TGN.squeeze(0) : direction.B_TGN.sum(0);
    direction.C_TGN = one ? direction.C_TGN.squeeze(0) : direction.C_TGN.sum(0);
    const Tensor d_dt_bias_H = direction.dt_TH.sum(0);
    d.dt_bias_H = d.dt_bias_H.defined() ? d.dt_bias_H + d_dt_bias_H : d_dt_bias_H;
  }
  return d;
}

}  // namespace

Tensor ssd_forward_cpu(const SsdPass& pass, const Tensor& state_SHPN, int64_t chunk) {
  const Tensor y_THP = at::empty(pass.x_THP.sizes(), pass.x_THP.options());
  AT_DISPATCH_FLOATING_TYPES(pass.x_THP.scalar_type(), "ssd", [&] {
    const SsdViews<scalar_t> views(pass);
    scalar_t* states = state_SHPN.defined() ? state_SHPN.data_ptr<scalar_t>() : nullptr;
    const int64_t longest = longest_chunk(views, chunk);
    for_each_task(views, [&] {
      return SsdForward<scalar_t>(views, TokenRows<scalar_t>(y_THP), states, longest);
    });
  });
  return y_THP;
}

SsdGradients ssd_backward_cpu(const SsdPass& pass, const Tensor& d_y_THP, int64_t chunk) {
  return AT_DISPATCH_FLOATING_TYPES(pass.x_THP.scalar_type(), "ssd",
                                    [&] { return backward<scalar_t>(pass, d_y_THP, chunk); });
}

}  // namespace seqsweep
