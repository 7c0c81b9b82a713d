#include "core/base/config.h"

#include <gmock/gmock.h>

#include "tests/support/error_text.h"

namespace seqsweep {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string error_of_yaml(const std::string& yaml) {
  return input_error_of([&] { parse_yaml(yaml, "f.yaml"); });
}

enum class Loss { Ce, Bce };
constexpr std::array<std::pair<Loss, const char*>, 2> enum_names(Loss) {
  return {{{Loss::Ce, "ce"}, {Loss::Bce, "bce"}}};
}

struct Inner {
  double rate = 0.5;
  std::optional<int64_t> cap;
  void fields(auto&& field) {
    field("rate", rate, "a rate", between(0, 1));
    field("cap", cap, "a cap", at_least(1));
  }
};

struct Outer {
  int64_t epochs = 3;
  bool fast = false;
  std::string name = "x";
  Loss loss = Loss::Ce;
  std::vector<int64_t> cutoffs = {10};
  Inner inner;
  void fields(auto&& field) {
    field("epochs", epochs, "epochs", at_least(1));
    field("fast", fast, "fast");
    field("name", name, "name");
    field("loss", loss, "loss");
    field("cutoffs", cutoffs, "cut-offs", at_least(1));
    field("inner", inner, "inner");
  }
};

std::string error_of(const std::string& yaml) {
  try {
    read_config<Outer>(parse_yaml(yaml, "f.yaml"), "");
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), 2);
    return error.what();
  }
  return "no error";
}

TEST(Config, ReadsEveryTypeAndKeepsDefaults) {
  const auto config = read_config<Outer>(
      parse_yaml("epochs: 7\nloss: bce\ncutoffs: [5, 20]\ninner: {rate: 0.25, cap: 4}", "f"), "");
  EXPECT_EQ(config.epochs, 7);
  EXPECT_EQ(config.loss, Loss::Bce);
  EXPECT_EQ(config.cutoffs, (std::vector<int64_t>{5, 20}));
  EXPECT_EQ(config.inner.rate, 0.25);
  EXPECT_EQ(config.inner.cap, 4);
  EXPECT_FALSE(config.fast);
}

struct Tuned : Outer {
  Tuned() { inner.cap = 9; }
};

TEST(Config, ANestedMapKeepsWhatItsOwnerSets) {
  const auto config = read_config<Tuned>(parse_yaml("inner: {rate: 0.25}", "f"), "");
  EXPECT_EQ(config.inner.rate, 0.25);
  EXPECT_EQ(config.inner.cap, 9);
}

TEST(Config, JsonReadsBackEqual) {
  const auto config = read_config<Outer>(parse_yaml("name: \"12\"\ninner: {cap: 2}", "f"), "");
  const Json json = to_json(config);
  EXPECT_EQ(to_json(read_config<Outer>(parse_yaml(json.dump(), "db"), "")), json);
}

TEST(Config, UnknownKeyNamesPlaceAndNearestKey) {
  const std::string text = error_of("name: a\ninner:\n  rat: 1\n");
  EXPECT_THAT(text, HasSubstr("f.yaml:3:3"));
  EXPECT_THAT(text, HasSubstr("unknown key 'rat'"));
  EXPECT_THAT(text, HasSubstr("did you mean 'rate'?"));
  EXPECT_THAT(text, HasSubstr("valid keys: rate, cap"));
}

TEST(Config, WrongTypesAndValuesAreRefused) {
  EXPECT_THAT(error_of("epochs: many"), HasSubstr("expected an integer, got 'many'"));
  EXPECT_THAT(error_of("epochs: 1.5"), HasSubstr("expected an integer"));
  EXPECT_THAT(error_of("epochs: '3'"), HasSubstr("expected an integer"));
  EXPECT_THAT(error_of("epochs: 0"), HasSubstr("f.yaml:1:9: epochs: must be at least 1, got '0'"));
  EXPECT_THAT(error_of("inner: {rate: .nan}"), HasSubstr("expected a number"));
  EXPECT_THAT(error_of("fast: yes"), HasSubstr("true or false"));
  EXPECT_THAT(error_of("loss: bcee"), HasSubstr("did you mean 'bce'?"));
  EXPECT_THAT(error_of("cutoffs: 3"), HasSubstr("a list"));
  EXPECT_THAT(error_of("inner: 3"), HasSubstr("a map of settings"));
  EXPECT_THAT(error_of("epochs: 99999999999999999999"), HasSubstr("expected an integer"));
}

TEST(Config, MalformedYamlNamesItsLine) {
  EXPECT_THAT(error_of("name: [a\nfast: true"), HasSubstr("malformed YAML"));
  EXPECT_THAT(error_of("name: a\nname: b"), HasSubstr("key 'name' stands twice"));
}

TEST(Config, OverridesSetNestedKeysAndListElements) {
  Value root = parse_yaml("inner: {rate: 0.1}\ncutoffs: [1, 2]", "f");
  apply_override(root, "inner.rate=0.75");
  apply_override(root, "cutoffs.1=50");
  apply_override(root, "name=hello");
  const auto config = read_config<Outer>(root, "");
  EXPECT_EQ(config.inner.rate, 0.75);
  EXPECT_EQ(config.cutoffs, (std::vector<int64_t>{1, 50}));
  EXPECT_EQ(config.name, "hello");
  EXPECT_THROW(apply_override(root, "cutoffs.7=1"), Error);
  EXPECT_THROW(apply_override(root, "novalue"), Error);
  EXPECT_THROW(apply_override(root, "name.first=1"), Error);
}

TEST(Yaml, AliasesMayRepeatButNotExplode) {
  const Value use = parse_yaml("a: &x {b: 1}\nc: [*x, *x]\n", "f");
  EXPECT_EQ(use.find("c")->items().size(), 2U);
  std::string bomb = "l0: &l0 [1]\n";
  for (int i = 1; i < 30; ++i) {
    bomb += fmt::format("l{0}: &l{0} [*l{1}, *l{1}, *l{1}]\n", i, i - 1);
  }
  EXPECT_THAT(error_of_yaml(bomb), HasSubstr("aliases repeat too much"));
  EXPECT_THAT(error_of_yaml("&a [*a, *a]"), HasSubstr("levels deep"));
}

TEST(Yaml, ErrorsAreHarmlessToATerminal) {
  EXPECT_THAT(error_of_yaml("\"a\\e[2J\": 1\n\"a\\e[2J\": 2\n"), HasSubstr("'a\\x1b[2J'"));
  EXPECT_THAT(error_of_yaml("\"\\\x1b\""), Not(HasSubstr("\x1b")));
}

TEST(Yaml, WhatIsNotUtf8IsRefused) {
  EXPECT_EQ(error_of_yaml("a: Am\xc3\xa9lie\n"), "");
  EXPECT_EQ(error_of_yaml("a: 1\nb: x\xd3y\n"), "f.yaml:2: '\\xd3' is not UTF-8");
}

TEST(Yaml, DeepNestingIsRefused) {
  EXPECT_NE(error_of_yaml(std::string(100'000, '[')), "");
  EXPECT_NE(error_of_yaml(std::string(200, '[') + std::string(200, ']')), "");
}

TEST(Config, HashDependsOnValuesAlone) {
  EXPECT_EQ(config_hash(to_json(Outer{})), config_hash(Json::parse(to_json(Outer{}).dump())));
  Outer other;
  other.epochs = 4;
  EXPECT_NE(config_hash(to_json(Outer{})), config_hash(to_json(other)));
  EXPECT_EQ(config_hash(to_json(Outer{})).size(), 16U);
}

TEST(Config, DescribesFields) {
  const auto rows = describe<Outer>();
  ASSERT_EQ(rows.size(), 6U);
  EXPECT_EQ(rows[0].type, "integer at least 1");
  EXPECT_EQ(rows[0].default_text, "3");
  EXPECT_EQ(rows[3].type, "ce|bce");
}

}  // namespace
}  // namespace seqsweep
