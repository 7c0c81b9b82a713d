// What ssd and bidirectional_ssd share: a pass over packed sequences in one or two directions.
#pragma once

#include <ATen/core/Tensor.h>

#include <string_view>
#include <vector>

namespace seqsweep {

// Walks the tokens of each sequence by `step`: 1 from the first, -1 from the last. With `delay` 1,
// what is read after walking a token belongs to the y of the next one: y sees what lies strictly
// before it.
struct SsdDirection {
  at::Tensor dt_TH, B_TGN, C_TGN;
  int64_t step = 1, delay = 0;
};

// y = skip x + the sum of the directions. Inner dimensions are contiguous (ssd_pass()). Where x is
// bfloat16, A, dt_bias and skip are float, as their gradients; the others are of the dtype of x.
struct SsdPass {
  at::Tensor x_THP, A_H, dt_bias_H, skip_TH, offsets_S1;
  std::vector<SsdDirection> directions;
};

struct SsdGradients {
  at::Tensor x_THP, A_H, dt_bias_H, skip_TH;
  std::vector<SsdDirection> directions;
};

// Checks what all such operators ask of shapes, dtypes, devices and offsets; `names` has the names
// of dt, B and C of each direction for the errors. Throws Error (Fault::Run).
struct SsdDirectionNames {
  std::string_view dt, B, C;
};
void check_ssd_pass(std::string_view op, const SsdPass& pass, std::string_view skip_name,
                    const std::vector<SsdDirectionNames>& names);
// The same pass with copies of those tensors whose inner dimensions are not contiguous.
SsdPass with_contiguous_rows(SsdPass pass);

// On the device of x. y [T, H, P], contiguous.
at::Tensor ssd_forward(const SsdPass& pass);
SsdGradients ssd_backward(const SsdPass& pass, const at::Tensor& d_y_THP);
// With the states of one direction in and out: [S, H, P, N], contiguous, or undefined: zeros.
at::Tensor ssd_forward_from(const SsdPass& pass, const at::Tensor& state_SHPN);

}  // namespace seqsweep
