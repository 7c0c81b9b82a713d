#include "coordinator/control.h"

#include <gmock/gmock.h>

#include "core/base/files.h"
#include "core/base/log.h"
#include "tests/coordinator/fake_world.h"

namespace seqsweep {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Control, RequestsComeInOrderAndOnce) {
  const TemporaryFolder folder;
  const auto database = folder / "a.db";
  EXPECT_THAT(take_requests(database), IsEmpty());
  const Request cancel{Request::Kind::Cancel, "12e4567890123456"};
  const Request retry{Request::Kind::RetryFailed, ""};
  const Request drain{Request::Kind::Drain, ""};
  for (const Request& request : {cancel, retry, drain}) write_request(database, request);
  EXPECT_THAT(take_requests(database), ElementsAre(cancel, retry, drain));
  EXPECT_THAT(take_requests(database), IsEmpty());
}

TEST(Control, DrainsOfAnEarlierCoordinatorAreForgotten) {
  const TemporaryFolder folder;
  const auto database = folder / "a.db";
  forget_drains(database);  // There is no folder.
  const Request retry{Request::Kind::RetryFailed, ""};
  write_request(database, {Request::Kind::Drain, ""});
  write_request(database, retry);
  forget_drains(database);
  EXPECT_THAT(take_requests(database), ElementsAre(retry));
}

TEST(Control, WhatIsNoRequestIsRemoved) {
  set_log_level(LogLevel::Error);
  const TemporaryFolder folder;
  const auto database = folder / "a.db";
  const auto control = folder / "a.db.control";
  write_file_atomic(control / "1.json", "{\"request\": \"explode\"}");
  write_file_atomic(control / "2.json", "[");
  write_file_atomic(control / "3.json.99.0.tmp", "half a request");
  EXPECT_THAT(take_requests(database), IsEmpty());
  EXPECT_FALSE(std::filesystem::exists(control / "1.json"));
  EXPECT_FALSE(std::filesystem::exists(control / "2.json"));
  EXPECT_TRUE(std::filesystem::exists(control / "3.json.99.0.tmp"));  // Its writer is at it.
}

}  // namespace
}  // namespace seqsweep
