#include "kernels/ssd.h"

#include <torch/autograd.h>
#include <torch/types.h>

#include "kernels/checks.h"
#include "kernels/ssd_pass.h"

namespace seqsweep {

namespace {

using at::Tensor;
using torch::autograd::AutogradContext;

SsdPass as_pass(const SsdInputs& in) {
  const Tensor skip_TH = in.D_H.unsqueeze(0).expand({in.x_THP.size(0), in.x_THP.size(1)});
  return {in.x_THP, in.A_H, in.dt_bias_H, skip_TH, in.offsets_S1, {{in.dt_TH, in.B_TGN, in.C_TGN}}};
}

void check(const char* name, const SsdInputs& in) {
  require_shape(name, "x", in.x_THP, {-1, -1, -1});
  require_shape(name, "D", in.D_H, {in.x_THP.size(1)});
  check_ssd_pass(name, as_pass(in), "D", {{"dt", "B", "C"}});
}

class Ssd : public torch::autograd::Function<Ssd> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& dt,
                        const Tensor& A, const Tensor& B, const Tensor& C, const Tensor& D,
                        const Tensor& dt_bias, const Tensor& offsets) {
    context->save_for_backward({x, dt, A, B, C, D, dt_bias, offsets});
    return ssd_forward(with_contiguous_rows(as_pass({x, dt, A, B, C, D, dt_bias, offsets})));
  }

  static torch::autograd::variable_list backward(AutogradContext* context,
                                                 torch::autograd::variable_list d_outs) {
    const auto saved = context->get_saved_variables();
    const SsdInputs in{saved[0], saved[1], saved[2], saved[3],
                       saved[4], saved[5], saved[6], saved[7]};
    const SsdGradients d = ssd_backward(with_contiguous_rows(as_pass(in)), d_outs[0]);
    const SsdDirection& along = d.directions[0];
    return {d.x_THP,     along.dt_TH,      d.A_H,       along.B_TGN,
            along.C_TGN, d.skip_TH.sum(0), d.dt_bias_H, Tensor()};
  }
};

// [H, L, L]: entry t, s is what y_t gets of x_s.
Tensor matrix_of_sequence(const SsdInputs& in, int64_t begin, int64_t length) {
  const int64_t heads = in.x_THP.size(1), heads_a_group = heads / in.B_TGN.size(1);
  const auto of_heads = [&](const Tensor& rows_TGN) {
    return rows_TGN.narrow(0, begin, length).repeat_interleave(heads_a_group, 1).transpose(0, 1);
  };
  const Tensor dt_HL =
      at::softplus(in.dt_TH.narrow(0, begin, length) + in.dt_bias_H).transpose(0, 1);
  const Tensor log_decay_HL = (dt_HL * in.A_H.unsqueeze(1)).cumsum(1);
  const Tensor later_LL = at::ones({length, length}, in.x_THP.options().dtype(at::kBool)).triu(1);
  const Tensor decay_HLL = (log_decay_HL.unsqueeze(2) - log_decay_HL.unsqueeze(1))
                               .masked_fill(later_LL, -std::numeric_limits<double>::infinity())
                               .exp();
  const Tensor products_HLL = at::matmul(of_heads(in.C_TGN), of_heads(in.B_TGN).transpose(1, 2));
  return products_HLL * decay_HLL * dt_HL.unsqueeze(1);
}

}  // namespace

Tensor ssd(const SsdInputs& in) {
  check("ssd", in);
  return Ssd::apply(in.x_THP, in.dt_TH, in.A_H, in.B_TGN, in.C_TGN, in.D_H, in.dt_bias_H,
                    in.offsets_S1);
}

Tensor ssd_from(const SsdInputs& in, Tensor& state_SHPN) {
  check("ssd_from", in);
  require_shape("ssd_from", "state", state_SHPN,
                {in.offsets_S1.numel() - 1, in.x_THP.size(1), in.x_THP.size(2), in.B_TGN.size(2)});
  require_parameter("ssd_from", in.x_THP, state_SHPN);
  const at::NoGradGuard no_gradients;
  const Tensor dense_SHPN = state_SHPN.contiguous();
  const Tensor y_THP = ssd_forward_from(with_contiguous_rows(as_pass(in)), dense_SHPN);
  if (!dense_SHPN.is_same(state_SHPN)) state_SHPN.copy_(dense_SHPN);
  return y_THP;
}

Tensor ssd_reference(const SsdInputs& in) {
  check("ssd_reference", in);
  const Tensor offsets = in.offsets_S1.cpu();
  std::vector<Tensor> outs{in.x_THP.narrow(0, 0, 0)};
  for (int64_t s = 0; s + 1 < offsets.numel(); ++s) {
    const int64_t begin = offsets[s].item<int>(), length = offsets[s + 1].item<int>() - begin;
    const Tensor x_LHP = in.x_THP.narrow(0, begin, length);
    const Tensor mixed_HLP =
        at::matmul(matrix_of_sequence(in, begin, length), x_LHP.transpose(0, 1));
    outs.push_back(mixed_HLP.transpose(0, 1) + in.D_H.unsqueeze(1) * x_LHP);
  }
  return at::cat(outs);
}

}  // namespace seqsweep
