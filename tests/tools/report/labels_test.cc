#include "tools/report/labels.h"

#include <gmock/gmock.h>

#include <set>

namespace seqsweep {
namespace {

using ::testing::ElementsAre;

Json with_optimizer(Json optimizer) {
  return {{"model", {{"name", "net"}, {"layers", 2}}},
          {"optimizer", std::move(optimizer)},
          {"train", {{"epochs", 20}}}};
}

TEST(Labels, OneConfigNeedsNone) {
  EXPECT_THAT(differences({with_optimizer({{"name", "adam"}})}), ElementsAre(""));
  EXPECT_THAT(differences({}), ElementsAre());
}

TEST(Labels, PartsOfOtherNamesAreToldApartByNameAlone) {
  EXPECT_THAT(differences({with_optimizer({{"name", "adam"}, {"lr", 0.001}}),
                           with_optimizer({{"name", "usgm"}, {"diameter", 5.0}, {"lr", 1.0}})}),
              ElementsAre("adam", "usgm"));
}

TEST(Labels, PartsOfOneNameAreToldApartByWhatDiffers) {
  EXPECT_THAT(differences({with_optimizer({{"name", "adam"}, {"lr", 0.001}}),
                           with_optimizer({{"name", "usgm"}, {"diameter", 5.0}, {"beta", 1}}),
                           with_optimizer({{"name", "usgm"}, {"diameter", 7.5}, {"beta", 1}})}),
              ElementsAre("adam", "usgm, diameter=5", "usgm, diameter=7.5"));
}

TEST(Labels, SettingsOfSectionsCarryTheirSection) {
  Json a = with_optimizer({{"name", "adam"}}), b = a;
  b["train"]["epochs"] = 5;
  EXPECT_THAT(differences({a, b}), ElementsAre("train.epochs=20", "train.epochs=5"));
}

TEST(Labels, ASettingThatOneConfigLacksTellsItApart) {
  Json a = with_optimizer({{"name", "adam"}}), b = a;
  b["optimizer"]["decay"] = nullptr;
  EXPECT_THAT(differences({a, b}), ElementsAre("", "no decay"));
}

TEST(Labels, APartThatSomeLackIsToldByBeingThere) {
  const Json a = with_optimizer({{"name", "adam"}});
  Json b = a, c = a;
  b["needs"] = {{"start", {{"model", {{"name", "net"}, {"width", 8}}}, {"seed", 1}}}};
  c["needs"] = {{"start", {{"model", {{"name", "net"}, {"width", 9}}}, {"seed", 1}}}};
  EXPECT_THAT(differences({a, b}), ElementsAre("", "with needs"));
  EXPECT_THAT(differences({b, c}), ElementsAre("start.width=8", "start.width=9"));
}

TEST(Labels, OfSectionsAsFewSettingsAsTellApart) {
  Json a = with_optimizer({{"name", "adam"}, {"lr", 0.1}});
  a["train"] = {{"batch_size", 8}, {"epochs", 5}, {"patience", 1}};
  Json b = a, c = a;
  b["train"] = {{"batch_size", 16}, {"epochs", 6}, {"patience", 2}};
  c["optimizer"]["lr"] = 0.2;
  EXPECT_THAT(differences({a, b}, {"train"}),
              ElementsAre("train.batch_size=8", "train.batch_size=16"));
  EXPECT_THAT(differences({a, c}, {"train"}), ElementsAre("lr=0.1", "lr=0.2"));
  EXPECT_THAT(differences({a, b, c}, {"train"}),
              ElementsAre("lr=0.1, train.batch_size=8", "lr=0.1, train.batch_size=16",
                          "lr=0.2, train.batch_size=8"));
}

TEST(Labels, ABatchScheduleSaysThatItIsOne) {
  Json a = with_optimizer({{"name", "adam"}}), b = a;
  a["batch_schedule"] = {{"name", "constant"}};
  b["batch_schedule"] = {{"name", "adaptive"}, {"confirm", 3}};
  EXPECT_THAT(differences({a, b}), ElementsAre("constant batch", "adaptive batch"));
}

TEST(Labels, NumbersAreShort) {
  EXPECT_EQ(setting_text(10.0), "10");
  EXPECT_EQ(setting_text(0.5), "0.5");
  EXPECT_EQ(setting_text(8e-6), "8e-06");
  EXPECT_EQ(setting_text(100000.0), "100000");
  EXPECT_EQ(setting_text("adam"), "adam");
}

TEST(Labels, TextsAndListsAreShownPlainly) {
  EXPECT_THAT(differences({{{"path", "a b"}, {"k", {1, 2}}}, {{"path", "c"}, {"k", {1}}}}),
              ElementsAre("k=[1,2], path=a b", "k=[1], path=c"));
}

TEST(Labels, DifferentConfigsGetDifferentTexts) {
  std::vector<Json> configs;
  for (const char* optimizer : {"adam", "usgm"}) {
    for (const double lr : {0.1, 0.2}) {
      for (const int epochs : {1, 2}) {
        configs.push_back(with_optimizer({{"name", optimizer}, {"lr", lr}}));
        configs.back()["train"]["epochs"] = epochs;
      }
    }
  }
  const std::vector<std::string> texts = differences(configs);
  EXPECT_EQ(std::set<std::string>(texts.begin(), texts.end()).size(), configs.size());
}

}  // namespace
}  // namespace seqsweep
