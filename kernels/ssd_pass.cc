#include "kernels/ssd_pass.h"

#include <torch/types.h>

#include "core/base/error.h"
#include "kernels/checks.h"
#include "kernels/ssd_cpu.h"

namespace seqsweep {

using at::Tensor;

namespace {

void check_offsets(std::string_view op, const Tensor& offsets, const Tensor& x_THP) {
  require_shape(op, "offsets", offsets, {-1});
  if (offsets.scalar_type() != at::kInt || offsets.device() != x_THP.device() ||
      offsets.numel() < 1) {
    throw_run("{}: offsets must be int32, on the device of x, at least one; got {} {} on {}", op,
              offsets.numel(), c10::toString(offsets.scalar_type()), offsets.device().str());
  }
  // On the CPU, where it costs nothing, also that the sequences lie in the tensors.
  if (!offsets.is_cpu()) return;
  const Tensor dense = offsets.contiguous();
  const int32_t* at = dense.data_ptr<int32_t>();
  const int64_t sequences = dense.numel() - 1;
  bool fits = at[0] == 0 && at[sequences] == x_THP.size(0);
  for (int64_t s = 0; s < sequences; ++s) fits = fits && at[s] <= at[s + 1];
  if (fits) return;
  throw_run("{}: offsets must rise from 0 to {} tokens", op, x_THP.size(0));
}

Tensor with_contiguous_inner(const Tensor& rows) {
  return rows.stride(-1) == 1 || rows.size(-1) <= 1 ? rows : rows.contiguous();
}

}  // namespace

void check_ssd_pass(std::string_view op, const SsdPass& pass, std::string_view skip_name,
                    const std::vector<SsdDirectionNames>& names) {
  const Tensor& x = pass.x_THP;
  require_shape(op, "x", x, {-1, -1, -1});
  require_floating(op, x);
  const int64_t tokens = x.size(0), heads = x.size(1);
  const auto require = [&](std::string_view name, const Tensor& tensor, at::IntArrayRef sizes) {
    require_shape(op, name, tensor, sizes);
    require_same_device_and_dtype(op, x, tensor);
  };
  require("A", pass.A_H, {heads});
  require("dt_bias", pass.dt_bias_H, {heads});
  require(skip_name, pass.skip_TH, {tokens, heads});
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
  check_offsets(op, pass.offsets_S1, x);
}

SsdPass with_contiguous_rows(SsdPass pass) {
  pass.x_THP = with_contiguous_inner(pass.x_THP);
  pass.A_H = pass.A_H.contiguous();
  pass.dt_bias_H = pass.dt_bias_H.contiguous();
  pass.offsets_S1 = pass.offsets_S1.contiguous();
  for (SsdDirection& direction : pass.directions) {
    direction.B_TGN = with_contiguous_inner(direction.B_TGN);
    direction.C_TGN = with_contiguous_inner(direction.C_TGN);
  }
  return pass;
}

Tensor ssd_forward(const SsdPass& pass) {
  return ssd_forward_cpu(pass, Tensor());
}

Tensor ssd_forward_from(const SsdPass& pass, const Tensor& state_SHPN) {
  return ssd_forward_cpu(pass, state_SHPN);
}

SsdGradients ssd_backward(const SsdPass& pass, const Tensor& d_y_THP) {
  return ssd_backward_cpu(pass, with_contiguous_inner(d_y_THP));
}

}  // namespace seqsweep
