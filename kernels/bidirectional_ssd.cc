#include <torch/autograd.h>
#include <torch/types.h>

#include "kernels/checks.h"
#include "kernels/ssd.h"
#include "kernels/ssd_pass.h"

namespace seqsweep {

namespace {

using at::Tensor;
using torch::autograd::AutogradContext;

SsdPass as_pass(const BidirectionalSsdInputs& in) {
  return {in.x_THP,
          in.A_H,
          in.dt_bias_H,
          is_bf16(in.diagonal_TH) ? in.diagonal_TH.to(at::kFloat) : in.diagonal_TH,
          in.offsets_S1,
          {{in.dt_forward_TH, in.B_forward_TGN, in.C_forward_TGN, /*step=*/1, /*delay=*/1},
           {in.dt_backward_TH, in.B_backward_TGN, in.C_backward_TGN, /*step=*/-1, /*delay=*/1}}};
}

void check(const char* name, const BidirectionalSsdInputs& in) {
  check_ssd_pass(
      name, as_pass(in), "diagonal",
      {{"dt_forward", "B_forward", "C_forward"}, {"dt_backward", "B_backward", "C_backward"}});
  require_same_device_and_dtype(name, in.x_THP, in.diagonal_TH);
}

class BidirectionalSsd : public torch::autograd::Function<BidirectionalSsd> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& dt_forward,
                        const Tensor& dt_backward, const Tensor& A, const Tensor& B_forward,
                        const Tensor& C_forward, const Tensor& B_backward, const Tensor& C_backward,
                        const Tensor& dt_bias, const Tensor& diagonal, const Tensor& offsets) {
    context->save_for_backward({x, dt_forward, dt_backward, A, B_forward, C_forward, B_backward,
                                C_backward, dt_bias, diagonal, offsets});
    return ssd_forward(
        with_contiguous_rows(as_pass({x, dt_forward, dt_backward, A, B_forward, C_forward,
                                      B_backward, C_backward, dt_bias, diagonal, offsets})));
  }

  static torch::autograd::variable_list backward(AutogradContext* context,
                                                 torch::autograd::variable_list d_outs) {
    const auto saved = context->get_saved_variables();
    const BidirectionalSsdInputs in{saved[0], saved[1], saved[2], saved[3], saved[4], saved[5],
                                    saved[6], saved[7], saved[8], saved[9], saved[10]};
    const SsdGradients d = ssd_backward(with_contiguous_rows(as_pass(in)), d_outs[0]);
    const SsdDirection &ahead = d.directions[0], &back = d.directions[1];
    return {d.x_THP,     ahead.dt_TH,
            back.dt_TH,  d.A_H,
            ahead.B_TGN, ahead.C_TGN,
            back.B_TGN,  back.C_TGN,
            d.dt_bias_H, d.skip_TH.to(in.diagonal_TH.scalar_type()),
            Tensor()};
  }
};

// What the tokens strictly before give to each token of one sequence.
Tensor shifted_scan(const Tensor& x_LHP, const Tensor& dt_LH, const Tensor& A_H,
                    const Tensor& B_LGN, const Tensor& C_LGN, const Tensor& dt_bias_H) {
  const int64_t length = x_LHP.size(0);
  const Tensor offsets = at::tensor({int64_t{0}, length}, at::kLong).to(at::kInt);
  const Tensor y_LHP = ssd_reference(
      {x_LHP, dt_LH, A_H, B_LGN, C_LGN, at::zeros_like(A_H), dt_bias_H, offsets.to(A_H.device())});
  return at::cat({at::zeros_like(y_LHP.narrow(0, 0, 1)), y_LHP.narrow(0, 0, length - 1)});
}

}  // namespace

Tensor bidirectional_ssd(const BidirectionalSsdInputs& in) {
  check("bidirectional_ssd", in);
  return BidirectionalSsd::apply(in.x_THP, in.dt_forward_TH, in.dt_backward_TH, in.A_H,
                                 in.B_forward_TGN, in.C_forward_TGN, in.B_backward_TGN,
                                 in.C_backward_TGN, in.dt_bias_H, in.diagonal_TH, in.offsets_S1);
}

Tensor bidirectional_ssd_reference(const BidirectionalSsdInputs& in) {
  check("bidirectional_ssd_reference", in);
  const Tensor offsets = in.offsets_S1.cpu();
  std::vector<Tensor> outs{in.x_THP.narrow(0, 0, 0)};
  for (int64_t s = 0; s + 1 < offsets.numel(); ++s) {
    const int64_t begin = offsets[s].item<int>(), length = offsets[s + 1].item<int>() - begin;
    if (length == 0) continue;
    const auto part = [&](const Tensor& rows) { return rows.narrow(0, begin, length); };
    const Tensor x_LHP = part(in.x_THP);
    const Tensor ahead = shifted_scan(x_LHP, part(in.dt_forward_TH), in.A_H, part(in.B_forward_TGN),
                                      part(in.C_forward_TGN), in.dt_bias_H);
    const Tensor back = shifted_scan(x_LHP.flip(0), part(in.dt_backward_TH).flip(0), in.A_H,
                                     part(in.B_backward_TGN).flip(0),
                                     part(in.C_backward_TGN).flip(0), in.dt_bias_H);
    outs.push_back(ahead + back.flip(0) + part(in.diagonal_TH).unsqueeze(2) * x_LHP);
  }
  return at::cat(outs);
}

}  // namespace seqsweep
