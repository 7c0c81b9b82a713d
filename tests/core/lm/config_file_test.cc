#include "core/lm/config_file.h"

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace seqsweep {
namespace {

std::string message_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(ConfigFile, SaysWhatIsThere) {
  const Json json = {
      {"size", 4}, {"rate", 0.5}, {"tied", true}, {"act", "silu"}, {"none", nullptr}};
  const ConfigFile file(json);
  EXPECT_EQ(file.size("size"), 4);
  EXPECT_EQ(file.size("none", 7), 7);
  EXPECT_EQ(file.divisor("size", 12), 4);
  EXPECT_EQ(file.number("rate", 1), 0.5);
  EXPECT_TRUE(file.flag("tied", false));
  EXPECT_EQ(file.text("missing", "x"), "x");
  EXPECT_FALSE(file.has("none"));
  file.require("act", "gelu", {"relu", "silu"});
  file.require_flag("tied", true);
  file.require_flag("missing", false);
}

TEST(ConfigFile, ErrorsNameTheKeyAndWhatCame) {
  const Json json = {{"size", 0}, {"heads", 5}, {"rate", "fast"}, {"act", "relu"}, {"tied", true}};
  const ConfigFile file(json);
  EXPECT_EQ(message_of([&] { file.size("layers"); }), "config.json: layers: is missing");
  EXPECT_EQ(message_of([&] { file.size("size"); }),
            "config.json: size: must be from 1 to 2^32, is 0");
  EXPECT_EQ(message_of([&] { file.divisor("heads", 12); }),
            "config.json: heads: must divide 12, is 5");
  EXPECT_EQ(message_of([&] { file.number("rate", 1); }),
            "config.json: rate: must be a number, is \"fast\"");
  EXPECT_EQ(message_of([&] { file.require("act", "silu", {"silu"}); }),
            "config.json: act: must be silu, is 'relu'");
  EXPECT_EQ(message_of([&] { file.require_flag("tied", false); }),
            "config.json: tied: must be false, is true");
}

}  // namespace
}  // namespace seqsweep
