#include "core/base/registry.h"

#include <gmock/gmock.h>

namespace seqsweep {
namespace {

struct Settings {
  int64_t width = 4;
  void fields(auto&& field) { field("width", width, "width", at_least(1)); }
};

using Widths = Registry<int64_t, int64_t>;

int64_t times(const Settings& settings, int64_t factor) {
  return settings.width * factor;
}

TEST(Registry, MakesFromAResolvedSpec) {
  Widths registry{"thing"};
  registry.add<Settings>("box", "a box", times, {{"objective", "next"}});
  const auto& entry = registry.find("box", Position{"f"});
  const Json resolved = entry.resolve(parse_yaml("{width: 7}", "f"), "box");
  EXPECT_EQ(resolved.dump(), R"({"width":7})");
  EXPECT_EQ(entry.traits.at("objective"), "next");
  EXPECT_EQ(registry.make(Json{{"name", "box"}, {"width", 5}}, 3), 15);
  EXPECT_EQ(registry.make(Json{{"name", "box"}}, 3), 12);
}

TEST(Registry, UnknownNameListsTheKnownOnes) {
  Widths registry{"thing"};
  registry.add<Settings>("box", "a box", times);
  registry.add<Settings>("bag", "a bag", times);
  try {
    registry.find("bux", Position{"f.yaml", 3, 5});
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("f.yaml:3:5: unknown thing 'bux'"));
    EXPECT_THAT(error.what(), ::testing::HasSubstr("did you mean 'box'?"));
    EXPECT_THAT(error.what(), ::testing::HasSubstr("known: bag, box"));
  }
}

TEST(RegistryDeathTest, TheSameNameTwiceIsABug) {
  Widths registry{"thing"};
  registry.add<Settings>("box", "a box", times);
  EXPECT_DEATH(registry.add<Settings>("box", "again", times), "bug");
}

}  // namespace
}  // namespace seqsweep
