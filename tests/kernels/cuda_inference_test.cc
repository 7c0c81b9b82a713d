// What a recommender is made of at inference, on a GPU.
#include <gtest/gtest.h>
#include <torch/types.h>

#include "kernels/embed_and_norm.h"
#include "kernels/norm_and_feed_forward.h"
#include "kernels/ssd_mixer_last.h"
#include "tests/support/on_gpu.h"

namespace seqsweep {
namespace cuda_inference_test {

using torch::Tensor;

class CudaInference : public GpuTest {
 protected:
  // op(tensors on the GPU) is reference(the same in float64 on the CPU).
  void expect_same(const Function& op, const Function& reference, const Tensors& inputs) const {
    const torch::NoGradGuard no_gradients;
    const Tensors there = on_gpu(inputs);
    const Tensor ours = op(there);
    expect_relative({ours}, {reference(to(inputs, torch::kDouble))}, 1e-5);
    EXPECT_TRUE(torch::equal(op(there), ours));
  }
};

TEST_F(CudaInference, EmbedAndNorm) {
  torch::manual_seed(1);
  for (const int64_t tokens : {0, 1, 9, 200}) {
    for (const int64_t width : {1, 7, 64, 100}) {
      for (const bool positions : {false, true}) {
        const Tensor items = torch::randint(50, {tokens}, torch::kLong);
        const Tensor places = torch::randint(9, {tokens}, torch::kLong);
        const auto inputs = [&](const Tensors& t) -> EmbedAndNormInputs {
          const auto device = t[0].device();
          return {t[0],
                  items.to(device),
                  positions ? t[1] : Tensor(),
                  positions ? places.to(device) : Tensor(),
                  t[2],
                  t[3]};
        };
        expect_same([&](const Tensors& t) { return embed_and_norm(inputs(t)); },
                    [&](const Tensors& t) { return embed_and_norm_reference(inputs(t)); },
                    {torch::randn({50, width}), torch::randn({9, width}), torch::randn({width}),
                     torch::randn({width})});
      }
    }
  }
}

// Few rows at once, and so many that matrix products take over.
TEST_F(CudaInference, NormAndFeedForward) {
  torch::manual_seed(2);
  for (const auto& [width, inner] : {std::pair<int64_t, int64_t>{64, 256}, {8, 32}, {5, 7}}) {
    for (const int64_t rows : {0, 1, 2, 33, 600}) {
      for (const bool added : {false, true}) {
        const auto layer = [](const Tensors& t) -> NormAndFeedForward {
          return {t[2], t[3], t[4], t[5], t[6], t[7], t[8], t[9]};
        };
        const auto run = [&](const auto& op) {
          return [&](const Tensors& t) { return op(t[0], added ? t[1] : Tensor(), layer(t)); };
        };
        expect_same(run(norm_and_feed_forward), run(norm_and_feed_forward_reference),
                    {torch::randn({rows, width}), torch::randn({rows, width}),
                     torch::randn({width}), torch::randn({width}), torch::randn({inner, width}) / 8,
                     torch::randn({inner}), torch::randn({width, inner}) / 8, torch::randn({width}),
                     torch::randn({width}), torch::randn({width})});
      }
    }
  }
}

struct MixerCase {
  int64_t heads, head_width, groups, state, conv, directions, delay, norm_groups;
  GateOrder order;
};

TEST_F(CudaInference, SsdMixerLast) {
  torch::manual_seed(3);
  constexpr int64_t kWidth = 24;
  for (const MixerCase& c : {MixerCase{2, 64, 1, 64, 4, 1, 0, 1, GateOrder::GateFirst},
                             MixerCase{2, 64, 1, 64, 7, 2, 1, 1, GateOrder::NormFirst},
                             MixerCase{6, 5, 3, 9, 3, 1, 0, 3, GateOrder::GateFirst},
                             MixerCase{4, 16, 2, 7, 5, 2, 1, 2, GateOrder::NormFirst}}) {
    // One token: with a delay none is left to read.
    for (const std::vector<int>& lengths :
         {std::vector<int>{1}, {200}, {1, 2, 31, 64, 257}, {2048}, {1500, 700}}) {
      const Tensor offsets = offsets_of(lengths);
      const int64_t inner = c.heads * c.head_width;
      const int64_t channels = inner + 2 * c.directions * c.groups * c.state;
      const auto weights = [&](const Tensors& t) -> SsdMixerWeights {
        return {.in_proj = t[1],
                .conv_weight_CK = t[2],
                .conv_bias_C = t[3],
                .dt_bias_H = t[4],
                .A_log_H = t[5],
                .D_H = t[6],
                .fc_D_HE = c.directions == 2 ? t[7] : Tensor(),
                .norm_weight_E = t[8],
                .out_proj_DE = t[9],
                .head_width = c.head_width,
                .groups = c.groups,
                .state = c.state,
                .delay = c.delay,
                .span = c.directions == 2 ? ConvSpan::Centred : ConvSpan::Causal,
                .order = c.order,
                .norm_groups = c.norm_groups};
      };
      const auto run = [&](const auto& op) {
        return [&](const Tensors& t) { return op(t[0], offsets.to(t[0].device()), weights(t)); };
      };
      expect_same(run(ssd_mixer_last), run(ssd_mixer_last_by_parts),
                  {torch::randn({offsets[-1].item<int>(), kWidth}),
                   torch::randn({inner + channels + c.directions * c.heads, kWidth}) / 5,
                   torch::randn({channels, c.conv}) / 2, torch::randn({channels}),
                   torch::randn({c.heads}) - 2, torch::randn({c.heads}), torch::randn({c.heads}),
                   torch::randn({c.heads, inner}) / 8, torch::randn({inner}),
                   torch::randn({kWidth, inner}) / 8});
    }
  }
}

}  // namespace cuda_inference_test
}  // namespace seqsweep
