#include "tools/report/label_places.h"

#include <gmock/gmock.h>

namespace seqsweep {
namespace {

using ::testing::ElementsAre;

TEST(LabelPlaces, AFreePointHasItsNameToTheRight) {
  EXPECT_THAT(place_labels({{100, 100, 50}}, 400, 200), ElementsAre(Side::Right));
  EXPECT_THAT(place_labels({}, 400, 200), ElementsAre());
}

TEST(LabelPlaces, AtTheRightEdgeItIsToTheLeft) {
  EXPECT_THAT(place_labels({{390, 100, 50}}, 400, 200), ElementsAre(Side::Left));
}

TEST(LabelPlaces, NamesHideNeitherPointsNorEachOther) {
  EXPECT_THAT(place_labels({{100, 100, 50}, {130, 100, 50}}, 400, 200),
              ElementsAre(Side::Left, Side::Right));
  EXPECT_THAT(place_labels({{60, 100, 80}, {100, 100, 80}, {140, 100, 80}}, 400, 200),
              ElementsAre(Side::Above, Side::Below, Side::Right));
}

}  // namespace
}  // namespace seqsweep
