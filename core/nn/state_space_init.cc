#include "core/nn/state_space_init.h"

#include <cmath>

namespace seqsweep {

torch::Tensor draw_dt_bias(int64_t heads) {
  const torch::Tensor log_dt_H = torch::empty({heads}).uniform_(std::log(0.001), std::log(0.1));
  const torch::Tensor dt_H = log_dt_H.exp().clamp_min(1e-4);
  return dt_H + torch::log(-torch::expm1(-dt_H));
}

}  // namespace seqsweep
