#include "tools/report/label_places.h"

#include <gmock/gmock.h>

namespace seqsweep {
namespace {

using ::testing::ElementsAre;

TEST(LabelPlaces, AFreePointHasItsNameToTheRight) {
  EXPECT_THAT(place_labels({{100, 100, 50}}, {}, 400, 200), ElementsAre(Side::Right));
  EXPECT_THAT(place_labels({}, {}, 400, 200), ElementsAre());
}

TEST(LabelPlaces, AtTheRightEdgeItIsToTheLeft) {
  EXPECT_THAT(place_labels({{390, 100, 50}}, {}, 400, 200), ElementsAre(Side::Left));
}

TEST(LabelPlaces, NamesHideNeitherPointsNorEachOther) {
  EXPECT_THAT(place_labels({{100, 100, 50}, {130, 100, 50}}, {}, 400, 200),
              ElementsAre(Side::Left, Side::Right));
  EXPECT_THAT(place_labels({{60, 100, 80}, {100, 100, 80}, {140, 100, 80}}, {}, 400, 200),
              ElementsAre(Side::Above, Side::Below, Side::Right));
}

TEST(LabelPlaces, NoNameIsStruckOutByALine) {
  const StraightLine right = {100, 100, 300, 100}, left = {0, 100, 100, 100};
  const StraightLine up = {100, 100, 100, 200}, down = {100, 0, 100, 100};
  const LabelBox box = {100, 100, 50};
  EXPECT_THAT(place_labels({box}, {right}, 400, 200), ElementsAre(Side::Left));
  EXPECT_THAT(place_labels({box}, {right, left}, 400, 200), ElementsAre(Side::Above));
  EXPECT_THAT(place_labels({box}, {right, left, up}, 400, 200), ElementsAre(Side::Below));
  EXPECT_THAT(place_labels({box}, {right, left, up, down}, 400, 200),
              ElementsAre(Side::AboveRight));
}

TEST(LabelPlaces, APointWithoutANameIsNotHiddenEither) {
  EXPECT_THAT(place_labels({{100, 100, 50}, {130, 100, 0}}, {}, 400, 200),
              ElementsAre(Side::Left, Side::Right));
}

// The first alone would be to the right, where the second has its only free place.
TEST(LabelPlaces, WhoChoosesFirstMakesRoomForOthers) {
  const std::vector<StraightLine> lines = {{120, 85, 180, 85}, {120, 115, 180, 115}};
  EXPECT_THAT(place_labels({{100, 100, 50}, {170, 100, 40}}, lines, 180, 200),
              ElementsAre(Side::Left, Side::Left));
}

}  // namespace
}  // namespace seqsweep
