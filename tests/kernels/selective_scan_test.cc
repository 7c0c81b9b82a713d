#include "kernels/selective_scan.h"

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "core/base/error.h"
#include "tests/support/golden.h"
#include "tests/support/gradcheck.h"
#include "tests/support/packed.h"

namespace seqsweep {
namespace selective_scan_test {

using torch::Tensor;

// In the order of the golden file's names.
const std::vector<std::string> kNames{"x", "dt", "A", "B", "C", "D", "z", "dt_bias"};

SelectiveScanInputs inputs_of(const std::vector<Tensor>& v, const Tensor& offsets) {
  return {v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], offsets};
}

struct Case {
  std::vector<Tensor> values;  // As kNames.
  Tensor offsets_S1;
  SelectiveScanInputs inputs() const { return inputs_of(values, offsets_S1); }
};

Case make_case(const std::vector<int>& lengths, int64_t channels, int64_t states,
               torch::ScalarType dtype) {
  torch::manual_seed(7);
  const Tensor offsets = offsets_of(lengths);
  const int64_t tokens = offsets[-1].item<int>();
  const auto draw = [&](at::IntArrayRef sizes) { return torch::randn(sizes, dtype); };
  return {{draw({tokens, channels}), draw({tokens, channels}), -draw({channels, states}).exp(),
           draw({tokens, states}), draw({tokens, states}), draw({channels}),
           draw({tokens, channels}), draw({channels}) - 1},
          offsets};
}

using Operator = Tensor (*)(const SelectiveScanInputs&);

std::vector<Tensor> differentiate_case(const Case& c, Operator scan) {
  return with_gradients(
      [&](const std::vector<Tensor>& leaves) { return scan(inputs_of(leaves, c.offsets_S1)); },
      c.values);
}

void expect_like_reference(const Case& c) {
  const double tolerance = c.values[0].scalar_type() == torch::kFloat ? 2e-5 : 1e-12;
  expect_close(differentiate_case(c, selective_scan),
               differentiate_case(c, selective_scan_reference), tolerance);
}

TEST(SelectiveScan, AgreesWithTheGoldenValues) {
  const auto golden = read_golden("state_space_operators");
  const auto& scan = golden.at("selective_scan");
  const Tensor offsets = offsets_of(golden.at("lengths").get<std::vector<int>>());
  for (const auto dtype : {torch::kFloat, torch::kDouble}) {
    const double tolerance = dtype == torch::kFloat ? 1e-5 : 1e-12;
    std::vector<Tensor> leaves;
    for (const std::string& name : kNames) {
      leaves.push_back(to_tensor(scan.at("inputs").at(name)).to(dtype).requires_grad_());
    }
    const SelectiveScanInputs inputs = inputs_of(leaves, offsets);
    const Tensor y = selective_scan(inputs);
    y.backward(to_tensor(scan.at("output_gradient")).to(dtype));
    expect_close({y.detach()}, {to_tensor(scan.at("output"))}, tolerance);
    for (size_t i = 0; i < kNames.size(); ++i) {
      expect_close({leaves[i].grad()}, {to_tensor(scan.at("gradients").at(kNames[i]))}, tolerance);
    }
    const Tensor final_state = to_tensor(scan.at("final_state"));
    Tensor state = torch::zeros(final_state.sizes(), dtype);
    expect_close({selective_scan_from(inputs, state)}, {y.detach()}, tolerance);
    expect_close({state}, {final_state}, tolerance);
  }
}

TEST(SelectiveScan, AgreesWithTheReferenceForAllLengths) {
  for (const auto dtype : {torch::kFloat, torch::kDouble}) {
    expect_like_reference(make_case(kOddLengths, 8, 8, dtype));
  }
  expect_like_reference(make_case({1000}, 8, 8, torch::kDouble));
}

TEST(SelectiveScan, AgreesWithTheReferenceForOddChannelsAndStates) {
  for (const auto dtype : {torch::kFloat, torch::kDouble}) {
    for (const int64_t channels : {1, 3, 64, 65, 150}) {
      expect_like_reference(make_case({5, 0, 40}, channels, 5, dtype));
    }
    for (const int64_t states : {1, 4, 8, 16, 20, 32, 33, 100}) {
      expect_like_reference(make_case({5, 0, 40}, 10, states, dtype));
    }
  }
}

TEST(SelectiveScan, GradientsMatchFiniteDifferences) {
  const Case c = make_case({4, 1, 34}, 2, 3, torch::kDouble);
  expect_gradients(
      [&](const std::vector<Tensor>& v) { return selective_scan(inputs_of(v, c.offsets_S1)); },
      c.values);
}

TEST(SelectiveScan, ASequenceDoesNotSeeTheOthers) {
  const Case alone = make_case({45}, 20, 8, torch::kFloat);
  Case pack = make_case({17, 45, 5}, 20, 8, torch::kFloat);
  for (const size_t i : {0, 1, 3, 4, 6}) pack.values[i].narrow(0, 17, 45).copy_(alone.values[i]);
  for (const size_t i : {2, 5, 7}) pack.values[i] = alone.values[i];
  const Tensor y = selective_scan(pack.inputs()).narrow(0, 17, 45);
  EXPECT_TRUE(torch::equal(y, selective_scan(alone.inputs())));
  const auto ours = differentiate_case(
      pack, [](const SelectiveScanInputs& in) { return selective_scan(in).narrow(0, 17, 45); });
  const auto expected = differentiate_case(alone, selective_scan);
  for (const size_t i : {0, 1, 3, 4, 6}) {
    EXPECT_TRUE(torch::equal(ours[i + 1].narrow(0, 17, 45), expected[i + 1])) << kNames[i];
  }
}

TEST(SelectiveScan, SameInputSameBits) {
  const Case c = make_case({90, 200, 33, 7, 150}, 70, 32, torch::kFloat);
  const auto once = differentiate_case(c, selective_scan);
  const auto twice = differentiate_case(c, selective_scan);
  for (size_t i = 0; i < once.size(); ++i) EXPECT_TRUE(torch::equal(once[i], twice[i])) << i;
}

TEST(SelectiveScan, DoesNotDependOnTheNumberOfThreads) {
  const Case c = make_case({90, 200, 33, 7, 150}, 70, 32, torch::kFloat);
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const auto one = differentiate_case(c, selective_scan);
  at::set_num_threads(3);
  const auto three = differentiate_case(c, selective_scan);
  at::set_num_threads(threads);
  expect_close(three, one, 2e-6);
  for (const size_t i : {0, 1, 2, 4, 5, 7}) EXPECT_TRUE(torch::equal(three[i], one[i])) << i;
}

TEST(SelectiveScan, TakesViewsOfLargerRows) {
  const Case c = make_case({5, 40}, 20, 8, torch::kFloat);
  Case views = c;
  const Tensor xz = torch::cat({c.values[0], c.values[6]}, 1);
  const Tensor dt_B_C = torch::cat({c.values[1], c.values[3], c.values[4]}, 1);
  views.values[0] = xz.narrow(1, 0, 20);
  views.values[6] = xz.narrow(1, 20, 20);
  views.values[1] = dt_B_C.narrow(1, 0, 20);
  views.values[3] = dt_B_C.narrow(1, 20, 8);
  views.values[4] = dt_B_C.narrow(1, 28, 8);
  EXPECT_TRUE(torch::equal(selective_scan(views.inputs()), selective_scan(c.inputs())));
  views.values[0] = c.values[0].t().contiguous().t();  // Numbers of a row lie apart.
  EXPECT_TRUE(torch::equal(selective_scan(views.inputs()), selective_scan(c.inputs())));
  expect_like_reference(views);
}

TEST(SelectiveScan, GoesOnFromAState) {
  const std::vector<int> lengths{70, 0, 41};
  const Case c = make_case(lengths, 20, 12, torch::kFloat);
  const Tensor whole = selective_scan(c.inputs());
  Tensor end = torch::zeros({3, 20, 12});
  EXPECT_TRUE(torch::equal(selective_scan_from(c.inputs(), end), whole));
  EXPECT_TRUE(torch::equal(end[1], torch::zeros({20, 12})));
  for (const int step : {1, 40}) {
    for (const size_t s : {0, 2}) {
      Tensor state = torch::zeros({20, 12, 1}).permute({2, 0, 1});
      for (int first = 0; first < lengths[s]; first += step) {
        const int count = std::min(step, lengths[s] - first);
        const int token = c.offsets_S1[static_cast<int64_t>(s)].item<int>() + first;
        Case piece{c.values, offsets_of({count})};
        for (const size_t i : {0, 1, 3, 4, 6}) {
          piece.values[i] = c.values[i].narrow(0, token, count);
        }
        expect_close({selective_scan_from(piece.inputs(), state)}, {whole.narrow(0, token, count)},
                     1e-6);
      }
      expect_close({state[0]}, {end[static_cast<int64_t>(s)]}, 1e-6);
    }
  }
}

TEST(SelectiveScan, TakesAnEmptyPack) {
  const Case c = make_case({0, 0}, 4, 4, torch::kFloat);
  const auto results = differentiate_case(c, selective_scan);
  EXPECT_EQ(results[0].sizes(), (std::vector<int64_t>{0, 4}));
  EXPECT_TRUE(torch::equal(results[3], torch::zeros({4, 4})));  // Of A.
}

TEST(SelectiveScan, SurvivesLargeSteps) {
  Case c = make_case({50}, 8, 8, torch::kFloat);
  c.values[1].mul_(300);
  for (const Tensor& result : differentiate_case(c, selective_scan)) {
    EXPECT_TRUE(result.isfinite().all().item<bool>());
  }
  expect_like_reference(c);
}

TEST(SelectiveScan, PassesNotANumberOn) {
  const Case c = make_case({3}, 8, 8, torch::kFloat);
  c.values[1][1][2] = std::nanf("");
  EXPECT_TRUE(selective_scan(c.inputs())[1][2].isnan().item<bool>());
}

TEST(SelectiveScan, RefusesWhatDoesNotFit) {
  const Case c = make_case({4, 6}, 8, 4, torch::kFloat);
  for (size_t i = 0; i < kNames.size(); ++i) {
    Case wrong = c;
    wrong.values[i] = torch::cat({c.values[i], c.values[i]});
    if (kNames[i] == "x") continue;  // The others are held against it.
    expect_error([&] { selective_scan(wrong.inputs()); }, {"selective_scan", kNames[i] + " must"});
    wrong.values[i] = c.values[i].to(torch::kDouble);
    expect_error([&] { selective_scan(wrong.inputs()); }, {"selective_scan", "dtype"});
  }
  for (const Tensor& offsets :
       {torch::tensor({0, 4}, torch::kInt), torch::tensor({0, 7, 4, 10}, torch::kInt),
        torch::tensor({0, 10}, torch::kLong)}) {
    expect_error([&] { selective_scan(inputs_of(c.values, offsets)); },
                 {"selective_scan", "offsets"});
  }
  Case growing = c;
  growing.values[2] = -c.values[2];
  expect_error([&] { selective_scan(growing.inputs()); }, {"selective_scan", "A must"});
  Tensor state = torch::zeros({1, 8, 4});
  expect_error([&] { selective_scan_from(c.inputs(), state); }, {"selective_scan", "state must"});
}

}  // namespace selective_scan_test
}  // namespace seqsweep
