#include "kernels/ssd_pass.h"

#include <c10/core/DeviceGuard.h>
#include <torch/types.h>

#include "core/base/error.h"
#include "kernels/checks.h"
#include "kernels/cuda_plugin.h"
#include "kernels/packed_rows.h"
#include "kernels/ssd_cpu.h"
#include "kernels/ssd_cuda.h"

namespace seqsweep {

using at::Tensor;

SsdCuda ssd_cuda;

namespace {

SsdRows rows_of(const Tensor& rows) {
  return {rows.data_ptr(), rows.stride(0), rows.stride(1)};
}

SsdCudaParams cuda_params(const SsdPass& pass, const SsdDirection& direction) {
  return {.x = rows_of(pass.x_THP),
          .dt = rows_of(direction.dt_TH),
          .B = rows_of(direction.B_TGN),
          .C = rows_of(direction.C_TGN),
          .A = pass.A_H.data_ptr<float>(),
          .dt_bias = pass.dt_bias_H.data_ptr<float>(),
          .offsets = pass.offsets_S1.data_ptr<int32_t>(),
          .tokens = pass.x_THP.size(0),
          .sequences = pass.offsets_S1.numel() - 1,
          .heads = static_cast<int>(pass.x_THP.size(1)),
          .groups = static_cast<int>(direction.B_TGN.size(1)),
          .width = static_cast<int>(pass.x_THP.size(2)),
          .state = static_cast<int>(direction.B_TGN.size(2)),
          .step = static_cast<int>(direction.step),
          .delay = static_cast<int>(direction.delay),
          .bf16 = is_bf16(pass.x_THP)};
}

// A state for each chunk.
Tensor room_for_states(const SsdPass& pass, const SsdCudaParams& params) {
  return at::empty({params.slots(), params.heads, params.width, params.state}, pass.A_H.options());
}

Tensor forward_cuda(const SsdPass& pass, const Tensor& state_SHPN) {
  const c10::DeviceGuard on(pass.x_THP.device());
  Tensor y_THP = at::empty(pass.x_THP.sizes(), pass.x_THP.options());
  at::mul_out(y_THP, pass.x_THP, pass.skip_TH.unsqueeze(2));
  for (const SsdDirection& direction : pass.directions) {
    SsdCudaParams params = cuda_params(pass, direction);
    params.y = rows_of(y_THP);
    params.states_SHPN = state_SHPN.defined() ? state_SHPN.data_ptr<float>() : nullptr;
    const Tensor starts = room_for_states(pass, params);
    const Tensor decays = at::empty({params.slots(), params.heads}, pass.A_H.options());
    params.starts = starts.data_ptr<float>();
    params.decays = decays.data_ptr<float>();
    launch_cuda("ssd", ssd_cuda.forward, params);
  }
  return y_THP;
}

// The sum over the heads of each group of [H, T, N] in float, as [T, G, N].
Tensor sum_of_heads(const Tensor& parts_HTN, int64_t groups) {
  const auto sizes = parts_HTN.sizes();
  if (sizes[0] == groups) return parts_HTN.transpose(0, 1);
  return parts_HTN.view({groups, sizes[0] / groups, sizes[1], sizes[2]}).sum(1).transpose(0, 1);
}

SsdGradients backward_cuda(const SsdPass& pass, const Tensor& d_y_THP) {
  const c10::DeviceGuard on(pass.x_THP.device());
  const auto options = pass.x_THP.options(), floats = pass.A_H.options();
  SsdGradients d;
  d.x_THP = at::empty(pass.x_THP.sizes(), options);
  at::mul_out(d.x_THP, d_y_THP, pass.skip_TH.unsqueeze(2));
  // Of bfloat16 in float, as the zero that they are added to.
  const Tensor products_THP = is_bf16(d_y_THP)
                                  ? at::addcmul(at::zeros({1, 1, 1}, floats), d_y_THP, pass.x_THP)
                                  : d_y_THP * pass.x_THP;
  d.skip_TH = products_THP.sum(2);
  for (const SsdDirection& direction : pass.directions) {
    SsdCudaParams params = cuda_params(pass, direction);
    // Zeros stay where a direction with a delay walks no token, and in slots without a chunk.
    const bool all_walked = direction.delay == 0 && params.width > 0 && params.state > 0;
    const auto of_tokens = [&](at::IntArrayRef sizes, const at::TensorOptions& like) {
      return all_walked ? at::empty(sizes, like) : at::zeros(sizes, like);
    };
    const Tensor d_dt_TH = of_tokens({params.tokens, params.heads}, options);
    const Tensor d_B_HTN = of_tokens({params.heads, params.tokens, params.state}, floats);
    const Tensor d_C_HTN = of_tokens({params.heads, params.tokens, params.state}, floats);
    const Tensor d_A = at::zeros({params.slots(), params.heads}, floats);
    const Tensor decays = at::empty(d_A.sizes(), floats);
    const Tensor starts = room_for_states(pass, params), d_ends = room_for_states(pass, params);
    params.d_y = rows_of(d_y_THP);
    params.d_x = rows_of(d.x_THP);
    params.d_dt = rows_of(d_dt_TH);
    params.d_A = d_A.data_ptr<float>();
    params.d_B_HTN = d_B_HTN.data_ptr<float>();
    params.d_C_HTN = d_C_HTN.data_ptr<float>();
    params.starts = starts.data_ptr<float>();
    params.d_ends = d_ends.data_ptr<float>();
    params.decays = decays.data_ptr<float>();
    launch_cuda("ssd", ssd_cuda.backward, params);
    const auto dtype = pass.x_THP.scalar_type();
    d.directions.push_back({d_dt_TH, sum_of_heads(d_B_HTN, params.groups).to(dtype),
                            sum_of_heads(d_C_HTN, params.groups).to(dtype)});
    const auto add = [](Tensor& sum_H, const Tensor& parts) {
      const Tensor sum = parts.sum(0, /*keepdim=*/false, at::kFloat);
      sum_H = sum_H.defined() ? sum_H + sum : sum;
    };
    add(d.dt_bias_H, d_dt_TH);
    add(d.A_H, d_A);
  }
  return d;
}

}  // namespace

void check_ssd_pass(std::string_view op, const SsdPass& pass, std::string_view skip_name,
                    const std::vector<SsdDirectionNames>& names) {
  const Tensor& x = pass.x_THP;
  require_shape(op, "x", x, {-1, -1, -1});
  require_activation(op, x);
  const int64_t tokens = x.size(0), heads = x.size(1);
  const auto require = [&](std::string_view name, const Tensor& tensor, at::IntArrayRef sizes) {
    require_shape(op, name, tensor, sizes);
    require_same_device_and_dtype(op, x, tensor);
  };
  for (const auto& [name, parameter] : {std::pair{"A", &pass.A_H}, {"dt_bias", &pass.dt_bias_H}}) {
    require_shape(op, name, *parameter, {heads});
    require_parameter(op, x, *parameter);
  }
  require_shape(op, skip_name, pass.skip_TH, {tokens, heads});
  require_parameter(op, x, pass.skip_TH);
  for (size_t i = 0; i < names.size(); ++i) {
    const SsdDirection& direction = pass.directions[i];
    require(names[i].dt, direction.dt_TH, {tokens, heads});
    require(names[i].B, direction.B_TGN, {tokens, -1, -1});
    const Tensor& first_B = pass.directions[0].B_TGN;
    require(names[i].B, direction.B_TGN, {tokens, first_B.size(1), first_B.size(2)});
    require(names[i].C, direction.C_TGN, direction.B_TGN.sizes());
    const int64_t groups = direction.B_TGN.size(1);
    if (groups == 0 || heads % groups != 0) {
      throw_run("{}: {} must have a number of groups that divides {} heads; it has {}", op,
                names[i].B, heads, groups);
    }
  }
  require_shape(op, "offsets", pass.offsets_S1, {-1});
  require_offsets(op, pass.offsets_S1, x);
}

SsdPass with_contiguous_rows(SsdPass pass) {
  pass.x_THP = with_contiguous_rows(pass.x_THP);
  pass.A_H = pass.A_H.contiguous();
  pass.dt_bias_H = pass.dt_bias_H.contiguous();
  pass.offsets_S1 = pass.offsets_S1.contiguous();
  for (SsdDirection& direction : pass.directions) {
    direction.B_TGN = with_contiguous_rows(direction.B_TGN);
    direction.C_TGN = with_contiguous_rows(direction.C_TGN);
  }
  return pass;
}

Tensor ssd_forward(const SsdPass& pass) {
  return ssd_forward_from(pass, Tensor());
}

Tensor ssd_forward_from(const SsdPass& pass, const Tensor& state_SHPN) {
  return pass.x_THP.is_cuda() ? forward_cuda(pass, state_SHPN) : ssd_forward_cpu(pass, state_SHPN);
}

SsdGradients ssd_backward(const SsdPass& pass, const Tensor& d_y_THP) {
  const Tensor d_y = with_contiguous_rows(d_y_THP);
  return pass.x_THP.is_cuda() ? backward_cuda(pass, d_y) : ssd_backward_cpu(pass, d_y);
}

}  // namespace seqsweep
