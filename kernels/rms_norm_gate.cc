// Legend: T tokens, E width, R rows that are summed as one part.
#include "kernels/rms_norm_gate.h"

#include <ATen/Parallel.h>
#include <c10/core/DeviceGuard.h>
#include <torch/autograd.h>
#include <torch/types.h>

#include <algorithm>

#include "core/base/error.h"
#include "kernels/checks.h"
#include "kernels/cuda_plugin.h"
#include "kernels/packed_rows.h"
#include "kernels/rms_norm_gate_cuda.h"
#include "kernels/rms_norm_gate_row.h"

namespace seqsweep {

RmsNormGateCuda rms_norm_gate_cuda;

namespace {

using at::Tensor;
using torch::autograd::AutogradContext;

constexpr const char* kName = "rms_norm_gate";
// The gradient of the weight is summed over this many rows, then over these parts: in one order,
// whatever the number of threads.
constexpr int64_t kRowsAPart = 128;

struct Norm {
  int64_t groups;
  double eps;
  GateOrder order;
};

// With n = v inverse: d_v = (d_n - n mean(d_n n)) inverse. d_z holds sigmoid(z) until it is
// written.
template <GateOrder kOrder, typename T>
void differentiate(const GateGroup<T>& group, const T* d_out, T* d_y, T* d_z, T* d_weight) {
  constexpr bool kGateFirst = kOrder == GateOrder::GateFirst;
  const T *y = group.y, *z = group.z, *weight = group.weight;
  const int64_t width = group.width;
  const T inverse = inverse_rms<kOrder>(group, d_z);
  T along = 0;
#pragma omp simd reduction(+ : along)
  for (int64_t i = 0; i < width; ++i) {
    const T d_weighted = d_out[i] * y[i] * z[i] * d_z[i] * inverse;
    d_weight[i] += d_weighted;
    along += d_weighted * weight[i];
  }
  along *= inverse / static_cast<T>(width);
#pragma omp simd
  for (int64_t i = 0; i < width; ++i) {
    const T open = d_z[i], gate = z[i] * open;
    const T d = d_out[i] * weight[i];
    const T v = kGateFirst ? y[i] * gate : y[i], d_n = kGateFirst ? d : d * gate;
    const T d_v = (d_n - v * along) * inverse;
    d_y[i] = kGateFirst ? d_v * gate : d_v;
    d_z[i] = (kGateFirst ? d_v * y[i] : d * y[i] * inverse) * (open + gate * (1 - open));
  }
}

template <typename T>
GateGroup<T> group_of_row(const RowsOf<T>& y, const RowsOf<T>& z, const Tensor& weight, int64_t row,
                          int64_t group, const Norm& norm) {
  const int64_t width = weight.numel() / norm.groups, first = group * width;
  return {y.row(row) + first, z.row(row) + first, weight.data_ptr<T>() + first, width,
          static_cast<T>(norm.eps)};
}

template <typename T, GateOrder kOrder>
void forward_rows(const Tensor& y_TE, const Tensor& z_TE, const Tensor& weight_E,
                  const Tensor& out_TE, const Norm& norm) {
  const RowsOf<T> y(y_TE), z(z_TE), out(out_TE);
  const int64_t width = weight_E.numel() / norm.groups;
  const int64_t grain = std::max<int64_t>((1 << 14) / std::max<int64_t>(weight_E.numel(), 1), 1);
  at::parallel_for(0, y_TE.size(0), grain, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      for (int64_t g = 0; g < norm.groups; ++g) {
        norm_and_gate<kOrder>(group_of_row<T>(y, z, weight_E, row, g, norm),
                              out.row(row) + g * width);
      }
    }
  });
}

template <typename T, GateOrder kOrder>
void backward_rows(const Tensor& y_TE, const Tensor& z_TE, const Tensor& weight_E,
                   const Tensor& d_out_TE, const Tensor& d_y_TE, const Tensor& d_z_TE,
                   const Tensor& d_weight_RE, const Norm& norm) {
  const RowsOf<T> y(y_TE), z(z_TE), d_out(d_out_TE), d_y(d_y_TE), d_z(d_z_TE), d_w(d_weight_RE);
  const int64_t rows = y_TE.size(0), width = weight_E.numel() / norm.groups;
  at::parallel_for(0, d_weight_RE.size(0), 1, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin * kRowsAPart; row < std::min(end * kRowsAPart, rows); ++row) {
      for (int64_t g = 0; g < norm.groups; ++g) {
        const int64_t first = g * width;
        differentiate<kOrder>(group_of_row<T>(y, z, weight_E, row, g, norm), d_out.row(row) + first,
                              d_y.row(row) + first, d_z.row(row) + first,
                              d_w.row(row / kRowsAPart) + first);
      }
    }
  });
}

Tensor forward_cpu(const Tensor& y, const Tensor& z, const Tensor& weight, const Norm& norm) {
  const Tensor out = at::empty(y.sizes(), y.options());
  AT_DISPATCH_FLOATING_TYPES(y.scalar_type(), kName, [&] {
    const auto run = norm.order == GateOrder::GateFirst
                         ? forward_rows<scalar_t, GateOrder::GateFirst>
                         : forward_rows<scalar_t, GateOrder::NormFirst>;
    run(y, z, weight, out, norm);
  });
  return out;
}

std::array<Tensor, 3> backward_cpu(const Tensor& y, const Tensor& z, const Tensor& weight,
                                   const Tensor& d_out, const Norm& norm) {
  const Tensor d_y = at::empty(y.sizes(), y.options()), d_z = at::empty(y.sizes(), y.options());
  const int64_t parts = (y.size(0) + kRowsAPart - 1) / kRowsAPart;
  const Tensor d_weight_RE = at::zeros({parts, y.size(1)}, y.options());
  AT_DISPATCH_FLOATING_TYPES(y.scalar_type(), kName, [&] {
    const auto run = norm.order == GateOrder::GateFirst
                         ? backward_rows<scalar_t, GateOrder::GateFirst>
                         : backward_rows<scalar_t, GateOrder::NormFirst>;
    run(y, z, weight, d_out, d_y, d_z, d_weight_RE, norm);
  });
  return {d_y, d_z, d_weight_RE.sum(0)};
}

GateRows gate_rows(const Tensor& rows_TE) {
  return {rows_TE.data_ptr(), rows_TE.stride(0)};
}

RmsNormGateParams cuda_params(const Tensor& y, const Tensor& z, const Tensor& weight,
                              const Norm& norm) {
  return {.y = gate_rows(y),
          .z = gate_rows(z),
          .weight_E = weight.data_ptr<float>(),
          .rows = y.size(0),
          .groups = static_cast<int>(norm.groups),
          .group_width = static_cast<int>(y.size(1) / norm.groups),
          .eps = static_cast<float>(norm.eps),
          .gate_first = norm.order == GateOrder::GateFirst,
          .bf16 = is_bf16(y)};
}

Tensor forward_cuda(const Tensor& y, const Tensor& z, const Tensor& weight, const Norm& norm) {
  const c10::DeviceGuard on(y.device());
  const Tensor out = at::empty(y.sizes(), y.options());
  RmsNormGateParams params = cuda_params(y, z, weight, norm);
  params.out = gate_rows(out);
  launch_cuda(kName, rms_norm_gate_cuda.forward, params);
  return out;
}

// About a thousand blocks, each with rows for all its warps, and not too many.
int64_t rows_a_part_cuda(int64_t rows, int64_t groups) {
  return std::clamp<int64_t>(rows * groups / 1024 / 8 * 8 + 8, 8, 64);
}

std::array<Tensor, 3> backward_cuda(const Tensor& y, const Tensor& z, const Tensor& weight,
                                    const Tensor& d_out, const Norm& norm) {
  const c10::DeviceGuard on(y.device());
  const Tensor d_y = at::empty(y.sizes(), y.options()), d_z = at::empty(y.sizes(), y.options());
  const int64_t rows_a_part = rows_a_part_cuda(y.size(0), norm.groups);
  const int64_t parts = (y.size(0) + rows_a_part - 1) / rows_a_part;
  const Tensor d_weight_RE = at::empty({parts, y.size(1)}, weight.options());
  RmsNormGateParams params = cuda_params(y, z, weight, norm);
  params.d_out = gate_rows(d_out);
  params.d_y = gate_rows(d_y);
  params.d_z = gate_rows(d_z);
  params.d_weight_RE = d_weight_RE.data_ptr<float>();
  params.rows_a_part = rows_a_part;
  launch_cuda(kName, rms_norm_gate_cuda.backward, params);
  return {d_y, d_z, d_weight_RE.sum(0)};
}

class RmsNormGate : public torch::autograd::Function<RmsNormGate> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& y, const Tensor& z,
                        const Tensor& weight, int64_t groups, double eps, int64_t order) {
    const Tensor weight_E = weight.contiguous();
    context->save_for_backward({y, z, weight_E});
    context->saved_data["groups"] = groups;
    context->saved_data["eps"] = eps;
    context->saved_data["order"] = order;
    const auto run = y.is_cuda() ? forward_cuda : forward_cpu;
    return run(with_contiguous_rows(y), with_contiguous_rows(z), weight_E,
               {groups, eps, static_cast<GateOrder>(order)});
  }

  static torch::autograd::variable_list backward(AutogradContext* context,
                                                 torch::autograd::variable_list d_outs) {
    const auto saved = context->get_saved_variables();
    const Norm norm{context->saved_data["groups"].toInt(), context->saved_data["eps"].toDouble(),
                    static_cast<GateOrder>(context->saved_data["order"].toInt())};
    const auto run = saved[0].is_cuda() ? backward_cuda : backward_cpu;
    const auto [d_y, d_z, d_weight] =
        run(with_contiguous_rows(saved[0]), with_contiguous_rows(saved[1]), saved[2],
            with_contiguous_rows(d_outs[0]), norm);
    return {d_y, d_z, d_weight, Tensor(), Tensor(), Tensor()};
  }
};

void check(const char* name, const Tensor& y, const Tensor& z, const Tensor& weight,
           int64_t groups) {
  require_shape(name, "y", y, {-1, -1});
  require_shape(name, "z", z, y.sizes());
  require_shape(name, "weight", weight, {y.size(1)});
  require_activation(name, y);
  require_same_device_and_dtype(name, y, z);
  require_parameter(name, y, weight);
  if (groups < 1 || y.size(1) % groups != 0) {
    throw_run("{}: groups must divide the width of y, {}; got {}", name, y.size(1), groups);
  }
}

}  // namespace

Tensor rms_norm_gate(const Tensor& y_TE, const Tensor& z_TE, const Tensor& weight_E, int64_t groups,
                     double eps, GateOrder order) {
  check(kName, y_TE, z_TE, weight_E, groups);
  return RmsNormGate::apply(y_TE, z_TE, weight_E, groups, eps, static_cast<int64_t>(order));
}

Tensor rms_norm_gate_reference(const Tensor& y_TE, const Tensor& z_TE, const Tensor& weight_E,
                               int64_t groups, double eps, GateOrder order) {
  check("rms_norm_gate_reference", y_TE, z_TE, weight_E, groups);
  const bool gate_first = order == GateOrder::GateFirst;
  const Tensor gate_TE = at::silu(z_TE), v_TE = gate_first ? y_TE * gate_TE : y_TE;
  const Tensor v_TGE = v_TE.reshape({y_TE.size(0), groups, y_TE.size(1) / groups});
  const Tensor inverse_TG1 = at::rsqrt(v_TGE.square().mean({-1}, /*keepdim=*/true) + eps);
  const Tensor normed_TE = (v_TGE * inverse_TG1).reshape(y_TE.sizes()) * weight_E;
  return gate_first ? normed_TE : normed_TE * gate_TE;
}

}  // namespace seqsweep
