#include "tools/export/event_file.h"

#include <gtest/gtest.h>

#include "core/base/random.h"
#include "tests/tools/export/decode.h"

namespace seqsweep {
namespace {

TEST(EventFile, TheCrcIsCastagnolis) {
  EXPECT_EQ(crc32c("123456789"), 0xe3069283U);            // The check value of RFC 3720's CRC.
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aaU);  // Appendix B.4 there.
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43U);
  Rng rng(1);
  for (size_t length = 0; length < 70; ++length) {
    std::string bytes(length, '\0');
    for (char& byte : bytes) byte = static_cast<char>(rng.below(256));
    EXPECT_EQ(crc32c(bytes), slow_crc32c(bytes));
    EXPECT_EQ(masked_crc32c(bytes), slow_masked(bytes));
  }
}

TEST(EventFile, WhatIsWrittenIsRead) {
  const std::vector<Scalar> scalars = {{"step/loss", 1, 1'000'500, 2.5},
                                       {"validation/ndcg@10", 300, 2'000'000, 0.125},
                                       {std::string(200, 'x'), int64_t{1} << 40, 1, -1e30}};
  const std::string file = event_file(1'000'000, "| a | b |", scalars);
  const auto read = decode_scalars(file);
  ASSERT_EQ(read.size(), scalars.size());
  for (size_t i = 0; i < read.size(); ++i) {
    EXPECT_EQ(read[i].tag, scalars[i].name);
    EXPECT_EQ(read[i].step, scalars[i].step);
    EXPECT_DOUBLE_EQ(read[i].wall_time, static_cast<double>(scalars[i].time_ms) / 1000);
    EXPECT_EQ(read[i].value, static_cast<float>(scalars[i].value));
  }
  const std::string text = field(field(decode_records(file).at(1), 5), 1);
  EXPECT_EQ(field(text, 1), "settings");
  EXPECT_EQ(field(field(field(text, 9), 1), 1), "text");  // The plug-in that shows it.
  EXPECT_EQ(field(field(text, 8), 8), "| a | b |");
}

TEST(EventFile, ADamagedByteIsSeen) {
  const std::string file = event_file(1, "", std::vector<Scalar>{{"a", 1, 1, 1}});
  for (size_t i = 0; i < file.size(); ++i) {
    std::string damaged = file;
    damaged[i] ^= 1;
    EXPECT_ANY_THROW(decode_records(damaged)) << i;
  }
}

}  // namespace
}  // namespace seqsweep
