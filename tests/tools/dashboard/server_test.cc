#include "tools/dashboard/server.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <httplib.h>

#include <chrono>
#include <thread>

#include "core/base/host.h"
#include "db/queries.h"
#include "tests/tools/dashboard/support.h"

namespace seqsweep {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class ServerTest : public ::testing::Test {
 protected:
  ServerTest() { fill_for_dashboard(store_); }
  ~ServerTest() override {
    if (dashboard_) dashboard_->stop();
  }
  httplib::Client start(const std::string& host = "127.0.0.1", const std::string& token = "") {
    dashboard_ = std::make_unique<Dashboard>(DashboardOptions{
        .database = folder_ / "results.db", .host = host, .port = 0, .token = token});
    thread_ = std::jthread([this] { dashboard_->serve(); });
    httplib::Client client("127.0.0.1", dashboard_->port());
    client.set_connection_timeout(10);
    return client;
  }

  // Of the tables, when their tests of significance are made.
  static std::string settled_tag(httplib::Client& client) {
    for (;; std::this_thread::sleep_for(std::chrono::milliseconds(5))) {
      const auto tables = client.Get("/api/tables");
      if (tables->body.find("\"under_way\":true") == std::string::npos)
        return tables->get_header_value("ETag");
    }
  }

  TemporaryFolder folder_;
  RunStore store_{folder_ / "results.db"};
  std::unique_ptr<Dashboard> dashboard_;
  std::jthread thread_;
};

TEST_F(ServerTest, AnswersAreTheDatabase) {
  httplib::Client client = start();
  const auto overview = client.Get("/api/overview");
  ASSERT_TRUE(overview);
  EXPECT_EQ(overview->status, 200);
  const Json json = Json::parse(overview->body);
  const std::vector<ResultRow> rows = read_results(store_.database());
  ASSERT_EQ(json.at("runs").size(), rows.size());
  EXPECT_EQ(json.at("runs").at(0).at("hit_10"), rows[0].hit_10);
  EXPECT_EQ(Json::parse(client.Get("/api/run/done0002")->body).at("id"), "done0002");
  EXPECT_EQ(Json::parse(client.Get("/api/curves?runs=done0001,done0002&points=4")->body)
                .at("done0002")
                .at("ndcg")
                .at(2)
                .at(1),
            0.1875);
  EXPECT_EQ(Json::parse(client.Get("/api/tables")->body).size(), 3U);
  EXPECT_TRUE(Json::parse(client.Get("/api/events?after=0")->body).is_array());
}

TEST_F(ServerTest, WhatIsUnchangedIsNotSentAgain) {
  httplib::Client client = start();
  const std::string tag = settled_tag(client);
  EXPECT_EQ(client.Get("/api/tables", {{"If-None-Match", tag}})->status, 304);
  finish(store_, "pending1", result_of(0.3, 1));
  const auto changed = client.Get("/api/tables", {{"If-None-Match", tag}});
  EXPECT_EQ(changed->status, 200);
  EXPECT_THAT(changed->body, HasSubstr("0.3000"));
}

TEST_F(ServerTest, TheHeadersForbidEverythingElse) {
  httplib::Client client = start();
  for (const char* path : {"/", "/app.js", "/app.css", "/api/overview", "/nothing"}) {
    const auto answer = client.Get(path);
    const std::string policy = answer->get_header_value("Content-Security-Policy");
    EXPECT_THAT(policy, HasSubstr("default-src 'none'; script-src 'self';")) << path;
    EXPECT_THAT(policy, Not(HasSubstr("unsafe")));
    EXPECT_EQ(answer->get_header_value("X-Content-Type-Options"), "nosniff") << path;
  }
  EXPECT_THAT(client.Get("/")->body, Not(HasSubstr("<script>")));
  EXPECT_EQ(client.Get("/api/overview")->get_header_value("Content-Type"), "application/json");
}

TEST_F(ServerTest, HostileNamesTravelAsJson) {
  httplib::Client client = start();
  const Json run = Json::parse(client.Get("/api/run/failed01")->body);
  EXPECT_EQ(run.at("config").at("model").at("name"), kHostileName);
  const auto odd = client.Get("/api/run/%3Cscript%3E");
  EXPECT_EQ(odd->status, 404);
  EXPECT_THAT(odd->body, Not(HasSubstr("<script>")));
}

TEST_F(ServerTest, ErrorsSayWhatIsValid) {
  httplib::Client client = start();
  const auto missing = client.Get("/api/run/none");
  EXPECT_EQ(missing->status, 400);
  EXPECT_THAT(missing->body, HasSubstr("there is no run 'none'"));
  const auto points = client.Get("/api/curves?runs=done0001&points=-1");
  EXPECT_EQ(points->status, 400);
  EXPECT_THAT(points->body, HasSubstr("a whole number from 0"));
}

TEST_F(ServerTest, ItOnlyReads) {
  httplib::Client client = start();
  for (const auto& answer :
       {client.Post("/api/overview", "", "text/plain"),
        client.Put("/api/run/done0001", "", "text/plain"), client.Delete("/api/run/done0001")}) {
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 404);
  }
}

// DNS rebinding: a foreign name that leads to 127.0.0.1.
TEST_F(ServerTest, ForeignNamesAreRefused) {
  httplib::Client client = start();
  EXPECT_EQ(client.Get("/api/overview", {{"Host", "evil.example:80"}})->status, 403);
  EXPECT_EQ(client.Get("/api/overview", {{"Host", "localhost:1"}})->status, 200);
}

TEST_F(ServerTest, ElsewhereATokenIsNeeded) {
  const Error error = error_of([&] { start("0.0.0.0"); });
  EXPECT_EQ(error.fault(), Fault::Input);
  const std::string token = random_token();
  EXPECT_EQ(token.size(), 32U);
  EXPECT_NE(token, random_token());
  httplib::Client client = start("0.0.0.0", token);
  EXPECT_EQ(dashboard_->url(),
            fmt::format("http://{}:{}/?token={}", host_name(), dashboard_->port(), token));
  EXPECT_EQ(client.Get("/api/overview")->status, 401);
  EXPECT_EQ(client.Get("/?token=" + random_token())->status, 401);
  EXPECT_EQ(client.Get("/api/overview", {{"Cookie", "seqsweep_token=x"}})->status, 401);
  const auto opened = client.Get("/?token=" + token);
  EXPECT_EQ(opened->status, 302);
  EXPECT_EQ(opened->get_header_value("Location"), "/");
  const std::string cookie = opened->get_header_value("Set-Cookie");
  EXPECT_THAT(cookie, HasSubstr("HttpOnly; SameSite=Strict"));
  const std::string pair = cookie.substr(0, cookie.find(';'));
  EXPECT_EQ(client.Get("/api/overview", {{"Cookie", "a=b; " + pair}})->status, 200);
}

TEST_F(ServerTest, ATakenPortIsSaid) {
  start();
  const Error error = error_of(
      [&] { Dashboard({.database = folder_ / "results.db", .port = dashboard_->port()}); });
  EXPECT_THAT(error.what(), HasSubstr("give --port 0"));
}

TEST_F(ServerTest, AStopBeforeItServesIsKept) {
  Dashboard dashboard({.database = folder_ / "results.db", .port = 0});
  dashboard.stop();
  dashboard.serve();
}

TEST(IsLoopback, OnlyThisMachine) {
  EXPECT_TRUE(is_loopback("127.0.0.1"));
  EXPECT_TRUE(is_loopback("localhost"));
  EXPECT_FALSE(is_loopback("0.0.0.0"));
  EXPECT_FALSE(is_loopback("10.0.0.1"));
}

}  // namespace
}  // namespace seqsweep
