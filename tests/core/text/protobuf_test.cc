#include "core/text/protobuf.h"

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace seqsweep {
namespace {

const std::string kFile = "x.model";

TEST(Protobuf, ReadsEveryWireType) {
  const std::string message(
      "\x08\x96\x01"
      "\x12\x03"
      "abc"
      "\x1d\x00\x00\xc0\x3f"
      "\x21\x01\x00\x00\x00\x00\x00\x00\x00"
      "\xa2\x01\x00",
      25);
  ProtobufReader reader(message, kFile);
  const auto varint = reader.next();
  EXPECT_EQ(varint->number, 1u);
  EXPECT_EQ(varint->value, 150u);
  EXPECT_EQ(reader.next()->bytes, "abc");
  EXPECT_EQ(reader.next()->as_float(), 1.5F);
  EXPECT_EQ(reader.next()->value, 1u);
  const auto empty = reader.next();
  EXPECT_EQ(empty->number, 20u);
  EXPECT_EQ(empty->bytes, "");
  EXPECT_FALSE(reader.next());
}

TEST(Protobuf, StaysWithinItsBytes) {
  // A number without an end, one too long, a text, fixed numbers and groups that are not there.
  for (const std::string& bad :
       {std::string("\x08"), std::string("\x08\x80"), "\x08" + std::string(11, '\xff'),
        std::string("\x12\x05"
                    "abc"),
        std::string("\x1d\x01\x02"), std::string("\x21\x01"), std::string("\x0b"),
        std::string("\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")}) {
    ProtobufReader reader(bad, kFile);
    try {
      reader.next();
      ADD_FAILURE() << bad.size();
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::Input);
      EXPECT_STREQ(error.what(),
                   "x.model: not a valid protobuf message; copy or download it again");
    }
  }
}

}  // namespace
}  // namespace seqsweep
