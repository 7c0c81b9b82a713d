#include "coordinator/outlook.h"

#include <gmock/gmock.h>

namespace seqsweep {
namespace {

using ::testing::SizeIs;

// Two GPUs of 80 bytes, two workers each, which may both train.
class OutlookTest : public ::testing::Test {
 protected:
  OutlookTest() {
    for (int64_t rank = 1; rank <= 4; ++rank) {
      const WorkerPlace place{.host = "a", .gpu = rank % 2 ? "first" : "second", .bytes = 80};
      const size_t device = devices_.add_worker(place);
      devices_.join(device);
      devices_.set_free(device, rank);
    }
  }
  Seat begin(size_t device, int64_t bytes) {
    return devices_.begin(device, devices_.lowest_free(device), bytes);
  }
  Devices devices_{2};
};

TEST_F(OutlookTest, ARunFitsOnceEnoughHaveEnded) {
  const Seat small = begin(0, 20), large = begin(0, 50), other = begin(1, 40);
  Outlook outlook(devices_, 1, 60);
  EXPECT_FALSE(outlook.fits());
  outlook.end(small);
  EXPECT_FALSE(outlook.fits());
  outlook.end(large);
  EXPECT_TRUE(outlook.fits());
  const auto beside = outlook.beside();
  ASSERT_THAT(beside, SizeIs(1));
  EXPECT_EQ(beside[0].first, small.device);
  EXPECT_EQ(beside[0].second.places, 1);
  EXPECT_EQ(beside[0].second.bytes, 20);
  outlook.end(other);
  EXPECT_THAT(outlook.beside(), SizeIs(1));
}

TEST_F(OutlookTest, AWholeDeviceLeavesNothingBesideIt) {
  begin(0, 20);
  const Seat other = begin(1, 20);
  Outlook outlook(devices_, 1, kWholeDevice);
  EXPECT_FALSE(outlook.fits());
  outlook.end(other);
  EXPECT_TRUE(outlook.fits());
  EXPECT_EQ(outlook.beside().at(0).second.places, 0);
  EXPECT_EQ(outlook.beside().at(0).second.bytes, 0);
}

TEST_F(OutlookTest, DevicesThatAreBusyUntilThenAreTakenFirst) {
  const Seat seat = begin(1, 0);
  begin(1, 0);
  begin(0, 0);  // One place is left here.
  Outlook outlook(devices_, 2, 0);
  EXPECT_FALSE(outlook.fits());
  outlook.end(seat);
  EXPECT_TRUE(outlook.fits());
  EXPECT_EQ(outlook.beside().at(0).first, seat.device);
}

}  // namespace
}  // namespace seqsweep
