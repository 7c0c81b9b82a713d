#include "core/protocol/run_config.h"

#include <gmock/gmock.h>

namespace seqsweep {
namespace {

RunConfig config(int64_t seed) {
  RunConfig config;
  config.dataset = {{"name", "films"}};
  config.model = {{"name", "deep"}};
  config.objective = config.optimizer = config.batch_schedule = {{"name", "plain"}};
  config.seed = seed;
  return config;
}

RunConfig with_needs(int64_t seed) {
  RunConfig user = config(seed), middle = config(seed);
  middle.needs[kStartRole] = config(seed).json();
  user.needs["teacher"] = middle.json();
  return user;
}

TEST(RunConfig, ReadsBackWhatItWrites) {
  for (const RunConfig& written : {config(3), with_needs(3)}) {
    EXPECT_EQ(RunConfig::from_json(written.json()).json(), written.json());
  }
}

TEST(RunConfig, NeedsShowInTheIdentityOnlyWhereThereAreAny) {
  EXPECT_FALSE(config(1).json().contains("needs"));
  EXPECT_NE(config_hash(config(1).json()), config_hash(with_needs(1).json()));
}

TEST(RunConfig, WhatIsNoConfigIsAnInputError) {
  for (const char* damage : {R"({"model": null})", R"({"needs": 3})", R"({"seed": "one"})",
                             R"({"seed": 0.5})", R"({"train": [1]})"}) {
    Json json = config(1).json();
    json.update(Json::parse(damage));
    if (json["model"].is_null()) json.erase("model");
    try {
      RunConfig::from_json(json);
      FAIL() << damage;
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::Input);
    }
  }
}

TEST(RunConfig, TextThatIsNoConfigIsAnInputError) {
  EXPECT_EQ(RunConfig::parse(config(3).json().dump()).json(), config(3).json());
  for (const char* text : {"", "[]", "null", "{\"seed\": \"\xff\"}"}) {
    EXPECT_THROW(RunConfig::parse(text), Error) << text;
  }
}

TEST(RunConfig, WithoutSeedsRunsOfDifferentSeedsAreAlike) {
  EXPECT_NE(with_needs(1).json(), with_needs(2).json());
  EXPECT_EQ(without_keys(with_needs(1).json(), {"seed"}),
            without_keys(with_needs(2).json(), {"seed"}));
  EXPECT_TRUE(without_keys(with_needs(1).json(), {"seed"}).contains("model"));
}

}  // namespace
}  // namespace seqsweep
