#include "worker/quiet_host.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <functional>
#include <thread>
#include <vector>

#include "core/base/clock.h"
#include "tests/support/temporary_folder.h"

namespace seqsweep {
namespace {

using std::chrono::milliseconds;

constexpr double kShort_s = 1;  // A patience.

class QuietHostTest : public testing::Test {
 protected:
  static bool go_on() { return true; }
  // Another process that does this to the host and then nothing any more.
  pid_t process(const std::function<void(QuietHost&)>& act) const {
    int pipe[2];
    EXPECT_EQ(::pipe(pipe), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      QuietHost host(file_);
      act(host);
      (void)!::write(pipe[1], "!", 1);
      for (;;) ::pause();
    }
    char byte = 0;
    EXPECT_EQ(::read(pipe[0], &byte, 1), 1);
    ::close(pipe[0]), ::close(pipe[1]);
    return child;
  }
  static void kill(pid_t process) {
    ::kill(process, SIGKILL);
    ::waitpid(process, nullptr, 0);
  }

  TemporaryFolder folder_;
  std::filesystem::path file_ = folder_.path() / "quiet";
};

// Their steps overlap, so there is never a moment at which none of them is at work by chance.
TEST_F(QuietHostTest, WhoMeasuresHasTheHostForItself) {
  std::atomic<int> working = 0, measuring = 0, disturbances = 0;
  std::atomic<int64_t> steps = 0;
  std::atomic<bool> over = false;
  std::vector<std::thread> trainers, measurers;
  for (int i = 0; i < 6; ++i) {
    trainers.emplace_back([&] {
      QuietHost host(file_);
      while (!over) {
        if (host.must_pause()) {
          host.rest();
          std::this_thread::sleep_for(milliseconds(1));
          continue;
        }
        ++working;
        if (measuring > 0) ++disturbances;
        std::this_thread::sleep_for(milliseconds(3));
        if (measuring > 0) ++disturbances;
        --working;
        ++steps;
      }
    });
  }
  while (steps < 6) std::this_thread::yield();
  const double began_s = monotonic_s();
  for (int i = 0; i < 2; ++i) {
    measurers.emplace_back([&] {
      for (int round = 0; round < 3; ++round) {
        QuietHost host(file_);
        host.begin_quiet(go_on);
        if (++measuring > 1 || working > 0) ++disturbances;
        const int64_t before = steps;
        std::this_thread::sleep_for(milliseconds(20));
        if (steps != before) ++disturbances;
        --measuring;
        EXPECT_TRUE(host.end_quiet());
      }
    });
  }
  for (std::thread& measurer : measurers) measurer.join();
  EXPECT_LT(monotonic_s() - began_s, 20);  // Nobody starved.
  const int64_t before = steps;
  while (steps < before + 6) std::this_thread::yield();  // They go on.
  over = true;
  for (std::thread& trainer : trainers) trainer.join();
  EXPECT_EQ(disturbances, 0);
}

TEST_F(QuietHostTest, LocksOfTheKilledAreGone) {
  QuietHost host(file_);
  kill(process([](QuietHost& other) { other.must_pause(); }));
  host.begin_quiet(go_on);
  EXPECT_TRUE(host.end_quiet());
  const pid_t measurer = process([](QuietHost& other) { other.begin_quiet(go_on); });
  EXPECT_TRUE(host.must_pause());
  kill(measurer);
  EXPECT_FALSE(host.must_pause());
}

TEST_F(QuietHostTest, AHungWorkerIsWaitedForOnlySoLong) {
  QuietHost host(file_, kShort_s);
  const pid_t hung = process([](QuietHost& other) { other.must_pause(); });
  double began_s = monotonic_s();
  host.begin_quiet(go_on);
  EXPECT_GE(monotonic_s() - began_s, kShort_s);
  QuietHost other(file_);
  EXPECT_TRUE(other.must_pause());  // Those that do not hang leave the host to it all the same.
  EXPECT_FALSE(host.end_quiet());

  began_s = monotonic_s();
  host.begin_quiet(go_on);
  EXPECT_LT(monotonic_s() - began_s, kShort_s);  // It is known by now.
  EXPECT_FALSE(host.end_quiet());
  kill(hung);
  host.begin_quiet(go_on);
  EXPECT_TRUE(host.end_quiet());
}

TEST_F(QuietHostTest, AMeasurerThatHangsIsNotWaitedForEver) {
  QuietHost measurer(file_, kShort_s), worker(file_, kShort_s), second(file_, kShort_s);
  measurer.begin_quiet(go_on);
  EXPECT_TRUE(worker.must_pause());
  for (int i = 0; i < 8; ++i) {  // As long as it says so, it does not hang.
    std::this_thread::sleep_for(milliseconds(150));
    measurer.still_measuring();
    EXPECT_TRUE(worker.must_pause());
  }
  std::this_thread::sleep_for(milliseconds(1100));
  EXPECT_FALSE(worker.must_pause());
  second.begin_quiet(go_on);
  EXPECT_FALSE(second.end_quiet());
  EXPECT_FALSE(measurer.end_quiet());  // It knows that it was disturbed.
  measurer.begin_quiet(go_on);
  EXPECT_TRUE(worker.must_pause());
  EXPECT_TRUE(measurer.end_quiet());
}

TEST_F(QuietHostTest, StopsWaitingWhenToldTo) {
  QuietHost worker(file_), measurer(file_), second(file_);
  worker.must_pause();
  int asked = 0;
  measurer.begin_quiet([&] { return ++asked < 3; });
  EXPECT_EQ(asked, 3);
  second.begin_quiet([&] { return ++asked < 6; });
  EXPECT_EQ(asked, 6);
  EXPECT_FALSE(second.end_quiet());
  EXPECT_FALSE(measurer.end_quiet());
  EXPECT_FALSE(worker.must_pause());
}

TEST_F(QuietHostTest, WithoutAFileNobodyPausesAndNothingIsQuiet) {
  QuietHost host(folder_.path() / "missing" / "quiet"), other(folder_.path() / "missing" / "quiet");
  host.begin_quiet(go_on);
  EXPECT_FALSE(other.must_pause());
  EXPECT_FALSE(host.end_quiet());
}

TEST(QuietHost, TheFileIsOneAUserAndHost) {
  EXPECT_NE(quiet_host_file().string().find(std::to_string(::geteuid())), std::string::npos);
  QuietHost host;  // It can be made.
  EXPECT_TRUE(std::filesystem::exists(quiet_host_file()));
}

}  // namespace
}  // namespace seqsweep
