// packed_attention and continued_attention on a GPU.
#include <gtest/gtest.h>
#include <torch/types.h>

#include <algorithm>

#include "kernels/continued_attention.h"
#include "kernels/packed_attention.h"
#include "tests/support/on_gpu.h"

namespace seqsweep {
namespace cuda_attention_test {

using torch::Tensor;

struct Case {
  std::vector<int> lengths;
  int64_t heads = 2, width = 16;
  double dropout = 0;
  bool strided = true;
};

class CudaPackedAttention : public GpuTest {
 protected:
  void expect_like_reference(const Case& c, double tolerance = 5e-5) const {
    SCOPED_TRACE(testing::Message() << testing::PrintToString(c.lengths) << " heads " << c.heads
                                    << " width " << c.width << " dropout " << c.dropout);
    const Tensor offsets = offsets_of(c.lengths);
    const int64_t tokens = offsets[-1].item<int>();
    const int64_t longest = c.lengths.empty() ? 0 : std::ranges::max(c.lengths);
    const AttentionOptions options{c.dropout, 77};
    torch::manual_seed(5);
    const Tensors qkv = torch::randn({3, tokens, c.heads, c.width}).unbind();
    const Function op = [&](const Tensors& v) {
      const Tensors at = c.strided ? as_slices(v) : v;
      return packed_attention(at[0], at[1], at[2], offsets.to(v[0].device()), longest, options);
    };
    const Function reference = [&](const Tensors& v) {
      return packed_attention_reference(v[0], v[1], v[2], offsets, options);
    };
    expect_like(tokens > 0 ? reference : op, op, qkv, tolerance);
  }
};

TEST_F(CudaPackedAttention, EveryLengthAlone) {
  for (const int length : {1, 2, 31, 32, 33, 63, 64, 65, 127, 128, 129, 200}) {
    expect_like_reference({.lengths = {length}});
  }
}

TEST_F(CudaPackedAttention, AThousandTokens) {
  expect_like_reference({.lengths = {1000}, .heads = 1, .width = 32});
}

TEST_F(CudaPackedAttention, AllLengthsPacked) {
  expect_like_reference({.lengths = kOddLengths});
  expect_like_reference({.lengths = kOddLengths, .strided = false});
}

TEST_F(CudaPackedAttention, OddHeadsAndWidths) {
  for (const int64_t width : {1, 3, 8, 31, 32, 33, 50, 64, 65, 100, 127, 128}) {
    for (const int64_t heads : {1, 3}) {
      expect_like_reference({.lengths = {5, 0, 70}, .heads = heads, .width = width});
    }
  }
}

TEST_F(CudaPackedAttention, DropsTheWeightsThatTheCpuDrops) {
  for (const double dropout : {0.1, 0.5, 0.9}) {
    expect_like_reference({.lengths = {33, 0, 1, 70, 129}, .heads = 3, .dropout = dropout});
  }
}

TEST_F(CudaPackedAttention, ManySequences) {
  std::vector<int> lengths(3000, 1);
  for (size_t i = 0; i < lengths.size(); i += 3) lengths[i] = static_cast<int>(i % 7);
  expect_like_reference({.lengths = lengths, .heads = 1, .width = 8});
}

TEST_F(CudaPackedAttention, NoToken) {
  expect_like_reference({.lengths = {}});
  expect_like_reference({.lengths = {0, 0}});
}

// Callers may give a bound that no sequence reaches.
TEST_F(CudaPackedAttention, NoTokenUnderALargerBound) {
  const Tensor q = torch::randn({0, 2, 4}, device_).requires_grad_();
  const Tensor offsets = torch::zeros({3}, torch::kInt).to(device_);
  const Tensor out = packed_attention(q, q, q, offsets, 50);
  out.sum().backward();
  EXPECT_EQ(q.grad().sizes(), q.sizes());
}

TEST_F(CudaPackedAttention, LargeScoresStayFinite) {
  torch::manual_seed(6);
  const Tensor offsets = offsets_of({40, 65}).to(device_);
  const Tensors results = with_gradients(
      [&](const Tensors& v) { return packed_attention(v[0], v[1], v[2], offsets, 65); },
      on_gpu((torch::randn({3, 105, 2, 16}) * 50).unbind()));
  for (const Tensor& result : results) EXPECT_TRUE(result.isfinite().all().item<bool>());
}

class CudaContinuedAttention : public GpuTest {
 protected:
  // Four prompts, one of them empty, one long; seven rows.
  static ContinuedAttentionInputs draw(int64_t heads, int64_t groups, int64_t width,
                                       int64_t written) {
    torch::manual_seed(heads * 100 + width + written);
    return {.q_RHP = torch::randn({7, heads, width}),
            .prompt_k_TGP = torch::randn({300, groups, width}),
            .prompt_v_TGP = torch::randn({300, groups, width}),
            .offsets_S1 = torch::tensor({0, 7, 7, 40, 300}, torch::kInt32),
            .prompt_R = torch::tensor({3, 0, 1, 2, 0, 3, 2}, torch::kInt64),
            .written_k_RLGP = torch::randn({7, 40, groups, width}),
            .written_v_RLGP = torch::randn({7, 40, groups, width}),
            .written = written};
  }
  static ContinuedAttentionInputs changed(ContinuedAttentionInputs in,
                                          const std::function<Tensor(const Tensor&)>& change) {
    for (Tensor* tensor : {&in.q_RHP, &in.prompt_k_TGP, &in.prompt_v_TGP, &in.written_k_RLGP,
                           &in.written_v_RLGP, &in.offsets_S1, &in.prompt_R}) {
      *tensor = change(*tensor);
    }
    return in;
  }
  void expect_like_reference(const ContinuedAttentionInputs& in) const {
    const auto there = changed(in, [&](const Tensor& x) { return x.to(device_); });
    const auto exact = changed(
        in, [](const Tensor& x) { return x.is_floating_point() ? x.to(torch::kDouble) : x; });
    const Tensor ours = continued_attention(there);
    expect_relative({ours}, {continued_attention_reference(exact)}, 1e-5);
    expect_same_bits({continued_attention(there)}, {ours});
  }
};

TEST_F(CudaContinuedAttention, EqualsTheReference) {
  for (const auto& [heads, groups] :
       {std::pair<int64_t, int64_t>{1, 1}, {4, 4}, {6, 2}, {4, 1}, {24, 2}, {32, 1}}) {
    for (const int64_t width : {1, 2, 31, 32, 33, 64, 65, 128, 200, 256}) {
      for (const int64_t written : {1, 2, 33, 40}) {
        SCOPED_TRACE(testing::Message()
                     << heads << " " << groups << " " << width << " " << written);
        expect_like_reference(draw(heads, groups, width, written));
      }
    }
  }
}

TEST_F(CudaContinuedAttention, TokensThatDoNotCountDoNotReachTheResult) {
  const auto in =
      changed(draw(4, 2, 8, 3), [&](const Tensor& x) { return x.to(device_).contiguous(); });
  const Tensor before = continued_attention(in);
  in.written_k_RLGP.slice(1, 3).fill_(NAN);
  in.written_v_RLGP.slice(1, 3).fill_(NAN);
  EXPECT_TRUE(torch::equal(before, continued_attention(in)));
}

TEST_F(CudaContinuedAttention, NoRow) {
  auto in = draw(4, 2, 8, 3);
  in.q_RHP = in.q_RHP.narrow(0, 0, 0);
  in.prompt_R = in.prompt_R.narrow(0, 0, 0);
  in.written_k_RLGP = in.written_k_RLGP.narrow(0, 0, 0);
  in.written_v_RLGP = in.written_v_RLGP.narrow(0, 0, 0);
  in = changed(in, [&](const Tensor& x) { return x.to(device_); });
  EXPECT_EQ(continued_attention(in).sizes(), in.q_RHP.sizes());
}

}  // namespace cuda_attention_test
}  // namespace seqsweep
