// What does not fit is refused with the names of the operator and the tensor.
#include "kernels/ssd_pass.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include "kernels/ssd.h"
#include "tests/support/packed.h"

namespace seqsweep {
namespace ssd_pass_test {

using testing::HasSubstr;
using torch::Tensor;

SsdInputs make_inputs() {
  return {torch::zeros({6, 4, 3}), torch::zeros({6, 4}), torch::zeros({4}), torch::zeros({6, 2, 5}),
          torch::zeros({6, 2, 5}), torch::zeros({4}),    torch::zeros({4}), offsets_of({2, 4})};
}

std::string error_with(Tensor SsdInputs::*member, const Tensor& wrong) {
  SsdInputs in = make_inputs();
  in.*member = wrong;
  return error_of([&] { ssd(in); });
}

TEST(SsdPass, AcceptsWhatFits) {
  EXPECT_EQ(ssd(make_inputs()).sizes(), (std::vector<int64_t>{6, 4, 3}));
}

TEST(SsdPass, NamesTheTensorThatDoesNotFit) {
  EXPECT_THAT(error_with(&SsdInputs::x_THP, torch::zeros({6, 12})),
              HasSubstr("ssd: x must have shape [*, *, *]"));
  EXPECT_THAT(error_with(&SsdInputs::dt_TH, torch::zeros({6, 3})),
              HasSubstr("ssd: dt must have shape [6, 4]"));
  EXPECT_THAT(error_with(&SsdInputs::A_H, torch::zeros({3})), HasSubstr("ssd: A must have"));
  EXPECT_THAT(error_with(&SsdInputs::B_TGN, torch::zeros({5, 2, 5})),
              HasSubstr("ssd: B must have"));
  EXPECT_THAT(error_with(&SsdInputs::C_TGN, torch::zeros({6, 2, 4})),
              HasSubstr("ssd: C must have shape [6, 2, 5]"));
  EXPECT_THAT(error_with(&SsdInputs::D_H, torch::zeros({5})), HasSubstr("ssd: D must have"));
  EXPECT_THAT(error_with(&SsdInputs::dt_bias_H, torch::zeros({})),
              HasSubstr("ssd: dt_bias must have"));
}

TEST(SsdPass, NamesTheTensorOfADirection) {
  const SsdInputs in = make_inputs();
  BidirectionalSsdInputs both{in.x_THP, in.dt_TH, in.dt_TH, in.A_H,   in.B_TGN,     in.C_TGN,
                              in.B_TGN, in.C_TGN, in.D_H,   in.dt_TH, in.offsets_S1};
  EXPECT_EQ(error_of([&] { bidirectional_ssd(both); }), "no error");
  both.B_backward_TGN = torch::zeros({6, 1, 5});
  EXPECT_THAT(error_of([&] { bidirectional_ssd(both); }),
              HasSubstr("bidirectional_ssd: B_backward must have shape [6, 2, 5]"));
  both.B_backward_TGN = in.B_TGN;
  both.diagonal_TH = torch::zeros({4});
  EXPECT_THAT(error_of([&] { bidirectional_ssd(both); }),
              HasSubstr("bidirectional_ssd: diagonal must have shape [6, 4]"));
}

TEST(SsdPass, GroupsMustDivideTheHeads) {
  SsdInputs in = make_inputs();
  in.B_TGN = in.C_TGN = torch::zeros({6, 3, 5});
  EXPECT_THAT(error_of([&] { ssd(in); }), HasSubstr("ssd: B must have a number of groups"));
}

TEST(SsdPass, RefusesOtherTypesAndOffsets) {
  EXPECT_THAT(error_with(&SsdInputs::C_TGN, torch::zeros({6, 2, 5}, torch::kDouble)),
              HasSubstr("ssd: tensors must share device and dtype"));
  EXPECT_THAT(error_with(&SsdInputs::x_THP, torch::zeros({6, 4, 3}, torch::kInt)),
              HasSubstr("ssd: takes float"));
  for (const Tensor& wrong :
       {offsets_of({2, 3}), offsets_of({2, 5}), torch::tensor({0, 4, 2, 6}, torch::kInt),
        torch::tensor({0, 6}, torch::kLong), torch::tensor({1, 6}, torch::kInt)}) {
    EXPECT_THAT(error_with(&SsdInputs::offsets_S1, wrong), HasSubstr("ssd: offsets must"));
  }
}

TEST(SsdPass, RowsThatAreContiguousAreNotCopied) {
  SsdPass pass{torch::zeros({6, 8, 3}).narrow(1, 0, 4),
               torch::zeros({4}),
               torch::zeros({4}),
               torch::zeros({6, 4}),
               offsets_of({6}),
               {{torch::zeros({6, 4}), torch::zeros({6, 4, 5}).narrow(1, 0, 2),
                 torch::zeros({6, 5, 2}).transpose(1, 2)}}};
  const SsdPass rows = with_contiguous_rows(pass);
  EXPECT_TRUE(rows.x_THP.is_same(pass.x_THP));
  EXPECT_TRUE(rows.directions[0].B_TGN.is_same(pass.directions[0].B_TGN));
  EXPECT_EQ(rows.directions[0].C_TGN.stride(2), 1);
}

}  // namespace ssd_pass_test
}  // namespace seqsweep
