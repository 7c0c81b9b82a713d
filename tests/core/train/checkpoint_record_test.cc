#include "core/train/checkpoint_record.h"

#include <gmock/gmock.h>

#include "core/base/files.h"
#include "tests/support/error_text.h"

namespace seqsweep {
namespace {

using ::testing::HasSubstr;

std::string complaint(const std::string& text) {
  return input_error_of([&] { parse_checkpoint_record(text, "step-1.json"); });
}

// With a checksum that fits.
std::string summed(Json json) {
  json["sha256"] = sha256_hex(json.dump());
  return json.dump();
}

TEST(CheckpointRecord, ComesBackEqual) {
  const CheckpointRecord record{
      .step = 12, .tensors_sha256 = "abc", .scalars = {{"epoch", 3}, {"score", 0.1}}};
  const CheckpointRecord back = parse_checkpoint_record(to_text(record), "");
  EXPECT_EQ(back.step, 12);
  EXPECT_EQ(back.tensors_sha256, "abc");
  EXPECT_EQ(back.scalars, record.scalars);
}

TEST(CheckpointRecord, EveryChangeIsFound) {
  const std::string good = to_text({.step = 12, .tensors_sha256 = "abc", .scalars = {{"a", 1}}});
  ASSERT_EQ(complaint(good), "");
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] ^= 1;
    EXPECT_NE(complaint(bad), "") << i;
    EXPECT_NE(complaint(good.substr(0, i)), "") << i;
  }
}

// The checksum is no signature: whoever writes the file can make it fit.
TEST(CheckpointRecord, AFittingChecksumIsNotBelievedAlone) {
  EXPECT_THAT(complaint(summed({{"step", "one"}, {"tensors_sha256", ""}, {"scalars", {}}})),
              HasSubstr("no checkpoint"));
  EXPECT_THAT(complaint(summed({{"step", 4e118}, {"tensors_sha256", ""}, {"scalars", {}}})),
              HasSubstr("no integer"));
  EXPECT_THAT(complaint(summed({{"step", 1}, {"tensors_sha256", 2}, {"scalars", {}}})),
              HasSubstr("no checkpoint"));
  EXPECT_THAT(complaint(summed({{"step", 1}, {"tensors_sha256", ""}})), HasSubstr("no checkpoint"));
  EXPECT_THAT(complaint("[1]"), HasSubstr("checksum"));
}

}  // namespace
}  // namespace seqsweep
