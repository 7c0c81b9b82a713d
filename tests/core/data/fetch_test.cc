// Downloads from a server on this machine, from file:// addresses, and copies of --raw.
#include "core/data/fetch.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <thread>

#include "core/base/error.h"
#include "core/base/files.h"
#include "tests/support/command.h"
#include "tests/support/raw_folder.h"

namespace seqsweep {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class Fetch : public ::testing::Test {
 protected:
  Fetch() {
    for (int i = 0; content_.size() < 200000; ++i) content_ += std::to_string(i * 7919) + "\n";
    folder_.write("served/big.csv", content_);
  }
  FetchRecipe recipe(const std::string& url, const std::string& checksum) const {
    return {.files = {.interactions = {"big.csv"}},
            .downloads = {{.url = url, .file = "big.csv", .checksum = checksum}}};
  }
  FetchRecipe recipe(const std::string& url) const {
    return recipe(url, "sha256:" + sha256_hex(content_));
  }
  std::string file_url() const {
    return "file://" + (folder_.path() / "served" / "big.csv").string();
  }
  void run(const FetchRecipe& recipe, const std::optional<std::string>& raw = {}) const {
    const auto path = raw ? std::optional<std::filesystem::path>(*raw) : std::nullopt;
    fetch("big", recipe, folder_.path() / "data", path);
  }
  std::string error_of(const FetchRecipe& recipe, Fault fault,
                       const std::optional<std::string>& raw = {}) const {
    try {
      run(recipe, raw);
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), fault) << error.what();
      return error.what();
    }
    return "no error";
  }
  std::filesystem::path at(const std::string& name) const {
    return folder_.path() / "data" / "big" / name;
  }

  RawFolder folder_;
  std::string content_;
};

// With a server that says which ranges were asked.
class FetchOverHttp : public Fetch {
 protected:
  void SetUp() override {
    const auto port_file = folder_.path() / "port";
    server_.emplace(
        std::vector<std::string>{"python3", SEQSWEEP_SOURCE_DIR "/tests/core/data/http_server.py",
                                 folder_.path() / "served", port_file, folder_.path() / "log"},
        folder_.path() / "server.out");
    while (!std::filesystem::exists(port_file)) {
      ASSERT_TRUE(server_->running()) << server_->output();
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    address_ = "http://127.0.0.1:" + read_file(port_file);
  }
  std::string requests() const { return read_file(folder_.path() / "log"); }

  std::optional<Command> server_;
  std::string address_;
};

TEST_F(FetchOverHttp, BringsAFileOnce) {
  const FetchRecipe wanted = recipe(address_ + "/big.csv");
  run(wanted);
  EXPECT_EQ(read_file(at("big.csv")), content_);
  EXPECT_FALSE(std::filesystem::exists(at("big.csv.part")));
  run(wanted);
  EXPECT_EQ(requests(), "/big.csv \n") << "what is there is not fetched again";
}

TEST_F(FetchOverHttp, ABrokenOffDownloadGoesOnWhereItStopped) {
  folder_.write("data/big/big.csv.part", content_.substr(0, 150000));
  run(recipe(address_ + "/big.csv"));
  EXPECT_EQ(read_file(at("big.csv")), content_);
  EXPECT_EQ(requests(), "/big.csv bytes=150000-\n");
}

TEST_F(FetchOverHttp, AServerWithoutRangesSendsAllAgain) {
  folder_.write("data/big/big.csv.part", content_.substr(0, 150000));
  run(recipe(address_ + "/whole/big.csv"));
  EXPECT_EQ(read_file(at("big.csv")), content_);
}

TEST_F(FetchOverHttp, ACompletePartIsTaken) {
  folder_.write("data/big/big.csv.part", content_);
  run(recipe(address_ + "/big.csv"));
  EXPECT_EQ(read_file(at("big.csv")), content_);
}

TEST_F(FetchOverHttp, WhatHasComeIsKeptWhenTheServerFails) {
  folder_.write("data/big/big.csv.part", "the beginning");
  EXPECT_THAT(error_of(recipe(address_ + "/none.csv"), Fault::World),
              AllOf(HasSubstr("/none.csv: curl ended with 22"), HasSubstr("--raw PATH")));
  EXPECT_EQ(read_file(at("big.csv.part")), "the beginning");
}

TEST_F(Fetch, WithoutNetworkTheErrorSaysHowElse) {
  EXPECT_THAT(error_of(recipe("https://127.0.0.1:1/big.csv"), Fault::World),
              AllOf(HasSubstr("look at your network"), HasSubstr("--raw PATH")));
}

TEST_F(Fetch, AWrongChecksumIsSetAsideAndTheNextTryStartsAfresh) {
  folder_.write("data/big/big.csv.part", "another beginning");
  EXPECT_THAT(error_of(recipe(file_url()), Fault::World),
              AllOf(HasSubstr("wrong checksum: expected " + sha256_hex(content_)),
                    HasSubstr("big.csv.wrong"), HasSubstr("--raw PATH")));
  EXPECT_TRUE(std::filesystem::exists(at("big.csv.wrong")));
  EXPECT_FALSE(std::filesystem::exists(at("big.csv")));
  run(recipe(file_url()));
  EXPECT_EQ(read_file(at("big.csv")), content_);
}

TEST_F(Fetch, ChecksumsMayBeMd5OrNobodys) {
  folder_.write("served/big.csv", "abc");
  run(recipe(file_url(), "md5:900150983cd24fb0d6963f7d28e17f72"));
  EXPECT_EQ(read_file(at("big.csv")), "abc");
  std::filesystem::remove(at("big.csv"));
  ::testing::internal::CaptureStderr();
  run(recipe(file_url(), ""));
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              AllOf(HasSubstr("no checksum is published"), HasSubstr(sha256_hex("abc"))));
}

TEST_F(Fetch, MembersOfAnArchiveAreTakenOut) {
  folder_.write("served/in/ratings.dat", "1::2::3::4\n");
  const auto archive = folder_.path() / "served" / "big.zip", inside = folder_.path() / "served/in";
  ASSERT_EQ(run_command({"python3", "-m", "zipfile", "-c", archive, inside}).code, 0);
  const Download zip{.url = "file://" + archive.string(),
                     .file = "big.zip",
                     .checksum = "sha256:" + sha256_of_file(archive),
                     .members = {"in/ratings.dat"}};
  run({.files = {.interactions = {"ratings.dat"}}, .downloads = {zip}});
  EXPECT_EQ(read_file(at("ratings.dat")), "1::2::3::4\n");
  EXPECT_FALSE(std::filesystem::exists(at("big.zip.part")));
}

// The interpreter is a script that stands for pip.
TEST_F(Fetch, AWheelComesFromPip) {
  const auto script = folder_.write("pip",
                                    "#!/bin/sh\n"
                                    "test \"$*\" = \"-m pip download --quiet --no-deps "
                                    "--disable-pip-version-check --dest $8 some==1.0\" || exit 9\n"
                                    "mkdir -p \"$8\" && printf wheel > \"$8/some-1.0.whl\"\n");
  std::filesystem::permissions(script, std::filesystem::perms::owner_all);
  ::setenv("SEQSWEEP_PYTHON", script.c_str(), 1);
  run(recipe("pip:some==1.0", "sha256:" + sha256_hex("wheel")));
  EXPECT_EQ(read_file(at("big.csv")), "wheel");
  std::filesystem::remove(at("big.csv"));
  EXPECT_THAT(error_of(recipe("pip:other==1.0", ""), Fault::World),
              AllOf(HasSubstr("pip ended with 9"), HasSubstr("--raw PATH")));
  ::unsetenv("SEQSWEEP_PYTHON");
}

TEST_F(Fetch, RawMayBeAFolderOrAFile) {
  const FetchRecipe wanted = recipe("https://127.0.0.1:1/big.csv");
  run(wanted, folder_.path() / "served");
  EXPECT_EQ(read_file(at("big.csv")), content_);
  run(wanted, folder_.write("other/big.csv", "newer"));
  EXPECT_EQ(read_file(at("big.csv")), "newer");
}

TEST_F(Fetch, RawWithoutTheFilesIsAnInputError) {
  const FetchRecipe wanted = recipe("https://127.0.0.1:1/big.csv");
  EXPECT_THAT(error_of(wanted, Fault::Input, (folder_.path() / "none").string()),
              HasSubstr("no such file or folder"));
  EXPECT_THAT(error_of(wanted, Fault::Input, folder_.write("other/small.csv", "")),
              HasSubstr("none of the files of big: expected big.csv"));
}

TEST_F(Fetch, WithoutADownloadOnlyRawHelps) {
  EXPECT_THAT(error_of({.files = {.interactions = {"big.csv"}}}, Fault::Input),
              AllOf(HasSubstr("cannot be downloaded"), HasSubstr("--raw PATH (big.csv)")));
}

TEST_F(Fetch, AFolderThatCannotBeMadeIsAWorldError) {
  folder_.write("data", "a file");
  EXPECT_THAT(error_of(recipe(file_url()), Fault::World), HasSubstr("cannot bring its raw files"));
}

}  // namespace
}  // namespace seqsweep
