#include "kernels/ssd_last.h"

#include <ATen/Parallel.h>
#include <c10/core/DeviceGuard.h>
#include <torch/autograd.h>
#include <torch/types.h>

#include <vector>

#include "core/base/check.h"
#include "core/base/error.h"
#include "kernels/activations.h"
#include "kernels/checks.h"
#include "kernels/cuda_plugin.h"
#include "kernels/packed_rows.h"
#include "kernels/row_math.h"
#include "kernels/ssd_last_cuda.h"
#include "kernels/ssd_last_weights.h"

namespace seqsweep {

SsdLastCuda ssd_last_cuda;

namespace {

using at::Tensor;
using torch::autograd::AutogradContext;

constexpr const char* kName = "ssd_last";

// Of tokens that several threads share, below which one thread is quicker than two.
constexpr int64_t kTokensAThread = 256;

// Pointers into checked tensors.
template <typename T>
struct View {
  explicit View(const SsdLastInputs& in)
      : x(in.x_THP.data_ptr<T>()),
        dt(in.dt_TH.data_ptr<T>()),
        B(in.B_TGN.data_ptr<T>()),
        C(in.C_SGN.data_ptr<T>()),
        A(in.A_H.data_ptr<T>()),
        dt_bias(in.dt_bias_H.data_ptr<T>()),
        offsets(in.offsets_S1.data_ptr<int32_t>()),
        x_stride(in.x_THP.stride(0)),
        x_head_stride(in.x_THP.stride(1)),
        dt_stride(in.dt_TH.stride(0)),
        B_stride(in.B_TGN.stride(0)),
        B_group_stride(in.B_TGN.stride(1)),
        sequences(in.offsets_S1.numel() - 1),
        heads(in.x_THP.size(1)),
        head_width(in.x_THP.size(2)),
        groups(in.B_TGN.size(1)),
        state(in.B_TGN.size(2)),
        unread(in.unread) {}

  int64_t begin(int64_t s) const { return offsets[s]; }
  int64_t end(int64_t s) const { return std::max(begin(s), offsets[s + 1] - unread); }
  int64_t group_of(int64_t head) const { return head / (heads / groups); }
  const T* x_of(int64_t t, int64_t head) const { return x + t * x_stride + head * x_head_stride; }
  const T* B_of(int64_t t, int64_t group) const {
    return B + t * B_stride + group * B_group_stride;
  }
  const T* C_of(int64_t s, int64_t group) const { return C + (s * groups + group) * state; }
  T raw_dt(int64_t t, int64_t head) const { return dt[t * dt_stride + head] + dt_bias[head]; }

  const T *x, *dt, *B, *C, *A, *dt_bias;
  const int32_t* offsets;
  int64_t x_stride, x_head_stride, dt_stride, B_stride, B_group_stride;
  int64_t sequences, heads, head_width, groups, state, unread;
};

template <typename T>
using Weights = SsdLastWeights<T>;

template <typename T>
void weigh(const View<T>& v, int64_t s, int64_t head, Weights<T>& weights) {
  weights.compute(v.dt + v.begin(s) * v.dt_stride + head, v.dt_stride, v.dt_bias[head], v.A[head],
                  v.end(s) - v.begin(s));
}

template <typename T>
std::vector<T> read_with_C(const View<T>& v, int64_t s, int64_t group) {
  std::vector<T> read(v.end(s) - v.begin(s));
  for (size_t i = 0; i < read.size(); ++i) {
    read[i] =
        row_dot(v.C_of(s, group), v.B_of(v.begin(s) + static_cast<int64_t>(i), group), v.state);
  }
  return read;
}

template <typename T>
void add_row(T* to, const T* row, T factor, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) to[i] += factor * row[i];
}

void for_each_sequence(const SsdLastInputs& in, const std::function<void(int64_t)>& visit) {
  const int64_t sequences = in.offsets_S1.numel() - 1;
  const int64_t tokens = std::max<int64_t>(in.x_THP.size(0), 1);
  const int64_t grain = std::max<int64_t>(1, kTokensAThread * sequences / tokens);
  at::parallel_for(0, sequences, grain, [&](int64_t first, int64_t last) {
    for (int64_t s = first; s < last; ++s) visit(s);
  });
}

template <typename T>
Tensor forward(const SsdLastInputs& in) {
  const View<T> v(in);
  const Tensor y = at::zeros({v.sequences, v.heads, v.head_width}, in.x_THP.options());
  T* const out = y.data_ptr<T>();
  for_each_sequence(in, [&](int64_t s) {
    Weights<T> weights;
    std::vector<T> read;
    for (int64_t head = 0; head < v.heads; ++head) {
      if (head % (v.heads / v.groups) == 0) read = read_with_C(v, s, v.group_of(head));
      weigh(v, s, head, weights);
      T* const y_P = out + (s * v.heads + head) * v.head_width;
      for (size_t i = 0; i < read.size(); ++i) {
        add_row(y_P, v.x_of(v.begin(s) + static_cast<int64_t>(i), head),
                weights.decay[i] * weights.dt[i] * read[i], v.head_width);
      }
    }
  });
  return y;
}

struct Gradients {
  Tensor x, dt, A, B, C, dt_bias;
};

// One head of one sequence. d_read: a number a token, summed over the heads of a group.
template <typename T>
void differentiate_head(const View<T>& v, int64_t s, int64_t head, const Weights<T>& weights,
                        const std::vector<T>& read, const T* d_y, T* d_x_THP, T* d_dt_TH, T& d_A,
                        T& d_dt_bias, std::vector<T>& d_read) {
  const int64_t begin = v.begin(s);
  T earlier = 0;  // The gradient of the log weights of the tokens before i.
  for (size_t i = 0; i < read.size(); ++i) {
    const int64_t t = begin + static_cast<int64_t>(i);
    const T weight = weights.decay[i] * weights.dt[i];
    const T along_y = row_dot(v.x_of(t, head), d_y, v.head_width);
    add_row(d_x_THP + (t * v.heads + head) * v.head_width, d_y, weight * read[i], v.head_width);
    d_read[i] += weight * along_y;
    const T d_dt = weights.decay[i] * read[i] * along_y + v.A[head] * earlier;
    const T d_log_weight = weight * read[i] * along_y;
    d_A += d_log_weight * weights.later_dt[i];
    earlier += d_log_weight;
    d_dt_TH[t * v.heads + head] = d_dt * sigmoid_of(v.raw_dt(t, head));
    d_dt_bias += d_dt_TH[t * v.heads + head];
  }
}

template <typename T>
Gradients backward(const SsdLastInputs& in, const Tensor& d_y_SHP) {
  const View<T> v(in);
  const auto zeros = [&](at::IntArrayRef sizes) { return at::zeros(sizes, in.x_THP.options()); };
  const Gradients d{zeros(in.x_THP.sizes()), zeros(in.dt_TH.sizes()),
                    // Of each sequence, summed at the end in their order.
                    zeros({v.sequences, v.heads}), zeros(in.B_TGN.sizes()), zeros(in.C_SGN.sizes()),
                    zeros({v.sequences, v.heads})};
  T *const d_A = d.A.data_ptr<T>(), *const d_dt_bias = d.dt_bias.data_ptr<T>();
  for_each_sequence(in, [&](int64_t s) {
    Weights<T> weights;
    const int64_t heads_a_group = v.heads / v.groups;
    for (int64_t group = 0; group < v.groups; ++group) {
      const std::vector<T> read = read_with_C(v, s, group);
      std::vector<T> d_read(read.size(), 0);
      for (int64_t head = group * heads_a_group; head < (group + 1) * heads_a_group; ++head) {
        weigh(v, s, head, weights);
        const int64_t row = s * v.heads + head;
        differentiate_head(v, s, head, weights, read, d_y_SHP.data_ptr<T>() + row * v.head_width,
                           d.x.data_ptr<T>(), d.dt.data_ptr<T>(), d_A[row], d_dt_bias[row], d_read);
      }
      T* const d_C_N = d.C.data_ptr<T>() + (s * v.groups + group) * v.state;
      for (size_t i = 0; i < read.size(); ++i) {
        const int64_t t = v.begin(s) + static_cast<int64_t>(i);
        add_row(d_C_N, v.B_of(t, group), d_read[i], v.state);
        add_row(d.B.data_ptr<T>() + (t * v.groups + group) * v.state, v.C_of(s, group), d_read[i],
                v.state);
      }
    }
  });
  return {d.x, d.dt, d.A.sum(0), d.B, d.C, d.dt_bias.sum(0)};
}

SsdLastParams cuda_params(const SsdLastInputs& in) {
  const auto rows = [](const Tensor& rows) -> SsdLastRows {
    return {rows.data_ptr<float>(), rows.stride(0), rows.stride(1)};
  };
  return {.x = rows(in.x_THP),
          .dt = rows(in.dt_TH),
          .B = rows(in.B_TGN),
          .C_SGN = in.C_SGN.data_ptr<float>(),
          .A_H = in.A_H.data_ptr<float>(),
          .dt_bias_H = in.dt_bias_H.data_ptr<float>(),
          .offsets = in.offsets_S1.data_ptr<int32_t>(),
          .sequences = in.offsets_S1.numel() - 1,
          .heads = static_cast<int>(in.x_THP.size(1)),
          .groups = static_cast<int>(in.B_TGN.size(1)),
          .width = static_cast<int>(in.x_THP.size(2)),
          .state = static_cast<int>(in.B_TGN.size(2)),
          .unread = static_cast<int>(in.unread)};
}

Tensor forward_cuda(const SsdLastInputs& in) {
  const c10::DeviceGuard on(in.x_THP.device());
  SsdLastParams params = cuda_params(in);
  const Tensor y =
      at::empty({params.sequences, in.x_THP.size(1), in.x_THP.size(2)}, in.x_THP.options());
  params.y_SHP = y.data_ptr<float>();
  launch_cuda(kName, ssd_last_cuda.forward, params);
  return y;
}

Gradients backward_cuda(const SsdLastInputs& in, const Tensor& d_y_SHP) {
  const c10::DeviceGuard on(in.x_THP.device());
  SsdLastParams params = cuda_params(in);
  const auto& options = in.x_THP.options();
  // Zeros stay where tokens are unread.
  const Gradients d{at::zeros(in.x_THP.sizes(), options),
                    at::zeros(in.dt_TH.sizes(), options),
                    at::empty({params.sequences, params.heads}, options),
                    at::zeros(in.B_TGN.sizes(), options),
                    at::empty(in.C_SGN.sizes(), options),
                    Tensor()};
  const Tensor d_read_TH = at::empty(in.dt_TH.sizes(), options);
  params.d_y_SHP = d_y_SHP.data_ptr<float>();
  params.d_x_THP = d.x.data_ptr<float>();
  params.d_dt_TH = d.dt.data_ptr<float>();
  params.d_A_SH = d.A.data_ptr<float>();
  params.d_B_TGN = d.B.data_ptr<float>();
  params.d_C_SGN = d.C.data_ptr<float>();
  params.d_read_TH = d_read_TH.data_ptr<float>();
  launch_cuda(kName, ssd_last_cuda.backward, params);
  return {d.x, d.dt, d.A.sum(0), d.B, d.C, d.dt.sum(0)};
}

class SsdLast : public torch::autograd::Function<SsdLast> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& dt,
                        const Tensor& A, const Tensor& B, const Tensor& C, const Tensor& dt_bias,
                        const Tensor& offsets, int64_t unread) {
    context->save_for_backward({x, dt, A, B, C, dt_bias, offsets});
    context->saved_data["unread"] = unread;
    const SsdLastInputs in{x, dt, A, B, C, dt_bias, offsets, unread};
    if (x.is_cuda()) return forward_cuda(in);
    return x.scalar_type() == at::kFloat ? seqsweep::forward<float>(in)
                                         : seqsweep::forward<double>(in);
  }

  static torch::autograd::variable_list backward(AutogradContext* context,
                                                 torch::autograd::variable_list d_outs) {
    const auto saved = context->get_saved_variables();
    const SsdLastInputs in{saved[0], saved[1], saved[2], saved[3],
                           saved[4], saved[5], saved[6], context->saved_data["unread"].toInt()};
    const Tensor d_y = d_outs[0].contiguous();
    const auto run = d_y.is_cuda()                     ? backward_cuda
                     : d_y.scalar_type() == at::kFloat ? seqsweep::backward<float>
                                                       : seqsweep::backward<double>;
    const Gradients d = run(in, d_y);
    return {d.x, d.dt, d.A, d.B, d.C, d.dt_bias, Tensor(), Tensor()};
  }
};

void check(const SsdLastInputs& in) {
  require_shape(kName, "x", in.x_THP, {-1, -1, -1});
  require_shape(kName, "B", in.B_TGN, {in.x_THP.size(0), -1, -1});
  const int64_t heads = in.x_THP.size(1), groups = in.B_TGN.size(1);
  require_shape(kName, "dt", in.dt_TH, {in.x_THP.size(0), heads});
  require_shape(kName, "A", in.A_H, {heads});
  require_shape(kName, "dt_bias", in.dt_bias_H, {heads});
  require_shape(kName, "offsets", in.offsets_S1, {-1});
  require_offsets(kName, in.offsets_S1, in.x_THP);
  require_shape(kName, "C", in.C_SGN, {in.offsets_S1.numel() - 1, groups, in.B_TGN.size(2)});
  require_floating(kName, in.x_THP);
  for (const Tensor* other : {&in.dt_TH, &in.A_H, &in.B_TGN, &in.C_SGN, &in.dt_bias_H}) {
    require_same_device_and_dtype(kName, in.x_THP, *other);
  }
  if (groups == 0 || heads % groups != 0) {
    throw_run("{}: heads must be a multiple of groups; they are {} and {}", kName, heads, groups);
  }
}

}  // namespace

Tensor ssd_last(const SsdLastInputs& in) {
  check(in);
  return SsdLast::apply(with_contiguous_rows(in.x_THP), with_contiguous_rows(in.dt_TH),
                        in.A_H.contiguous(), with_contiguous_rows(in.B_TGN), in.C_SGN.contiguous(),
                        in.dt_bias_H.contiguous(), in.offsets_S1.contiguous(), in.unread);
}

Tensor ssd_last_reference(const SsdLastInputs& in) {
  check(in);
  const Tensor offsets = in.offsets_S1.cpu();
  const int32_t* at = offsets.data_ptr<int32_t>();
  const int64_t heads_a_group = in.x_THP.size(1) / in.B_TGN.size(1);
  const Tensor dt_TH = torch::softplus(in.dt_TH + in.dt_bias_H);
  std::vector<Tensor> rows;
  for (int64_t s = 0; s + 1 < offsets.numel(); ++s) {
    const int64_t count = std::max<int64_t>(0, at[s + 1] - at[s] - in.unread);
    const Tensor dt = dt_TH.narrow(0, at[s], count);
    // The sums of the tokens after each: the first one of the sequence belongs to no other's.
    const Tensor after = torch::constant_pad_nd(dt.slice(0, 1), {0, 0, 0, count > 0 ? 1 : 0});
    const Tensor later = after.flip(0).cumsum(0).flip(0);
    const Tensor read = (in.B_TGN.narrow(0, at[s], count) * in.C_SGN[s]).sum(-1);
    const Tensor weights = (in.A_H * later).exp() * dt * read.repeat_interleave(heads_a_group, 1);
    rows.push_back((weights.unsqueeze(-1) * in.x_THP.narrow(0, at[s], count)).sum(0));
  }
  if (rows.empty()) return at::zeros({0, in.x_THP.size(1), in.x_THP.size(2)}, in.x_THP.options());
  return torch::stack(rows);
}

}  // namespace seqsweep
