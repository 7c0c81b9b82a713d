#include "core/train/checkpoint.h"

#include <gmock/gmock.h>
#include <torch/types.h>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/log.h"
#include "core/base/random.h"
#include "tests/support/temporary_folder.h"

namespace seqsweep {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Checkpoint checkpoint_of(int64_t step) {
  return {.step = step,
          .tensors = {{"w", torch::full({3, 2}, static_cast<double>(step), torch::kFloat32)},
                      {"n", torch::full({}, step, torch::kInt64)}},
          .scalars = {{"epoch", step / 10}, {"score", 0.1}}};
}

class Checkpoints : public ::testing::Test {
 protected:
  void save(std::initializer_list<int64_t> steps) {
    for (const int64_t step : steps) store_.save(checkpoint_of(step));
  }
  fs::path file(const std::string& name) const { return store_.folder() / name; }
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(store_.folder())) {
      names.push_back(entry.path().filename());
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  // Step of the newest intact one, whose content is checked; -1: none.
  int64_t newest() {
    const auto checkpoint = store_.load_newest();
    if (!checkpoint) return -1;
    const Checkpoint expected = checkpoint_of(checkpoint->step);
    EXPECT_EQ(checkpoint->scalars, expected.scalars);
    EXPECT_EQ(checkpoint->tensors.size(), expected.tensors.size());
    for (const auto& [name, tensor] : checkpoint->tensors) {
      const auto same = [&](const auto& other) {
        return other.first == name && other.second.dtype() == tensor.dtype() &&
               torch::equal(other.second, tensor);
      };
      EXPECT_EQ(std::count_if(expected.tensors.begin(), expected.tensors.end(), same), 1) << name;
    }
    return checkpoint->step;
  }

  TemporaryFolder folder_;
  CheckpointStore store_{folder_.path() / "run"};
};

TEST_F(Checkpoints, NoneInANewFolder) {
  EXPECT_EQ(newest(), -1);
  fs::create_directories(store_.folder());
  EXPECT_EQ(newest(), -1);
}

TEST_F(Checkpoints, NewestTwoAreKept) {
  save({9, 10, 200});
  EXPECT_THAT(names(), ElementsAre("step-000000010.json", "step-000000010.safetensors",
                                   "step-000000200.json", "step-000000200.safetensors"));
  EXPECT_EQ(newest(), 200);
}

TEST_F(Checkpoints, StepsBeyondTheWidthOfTheNameAreNewer) {
  save({999'999'999, 1'000'000'000});
  EXPECT_EQ(newest(), 1'000'000'000);
}

TEST_F(Checkpoints, LeftoversOfAnInterruptedSaveAreRemoved) {
  save({10});
  write_file_atomic(file("step-000000020.safetensors.77.0.tmp"), "half");
  write_file_atomic(file("step-000000020.safetensors"), "whole, but its JSON was never written");
  write_file_atomic(file("notes.tmp"), "of the user");
  EXPECT_EQ(newest(), 10);
  EXPECT_THAT(names(),
              ElementsAre("notes.tmp", "step-000000010.json", "step-000000010.safetensors"));
}

TEST_F(Checkpoints, ADamagedOneIsSetAsideAndTheOneBeforeUsed) {
  save({10, 20});
  fs::resize_file(file("step-000000020.safetensors"), 40);
  EXPECT_EQ(newest(), 10);
  EXPECT_TRUE(fs::exists(file("step-000000020.safetensors.damaged")));
  EXPECT_TRUE(fs::exists(file("step-000000020.json.damaged")));
  fs::remove(file("step-000000010.safetensors"));
  EXPECT_EQ(newest(), -1);  // Nothing is left: training starts anew.
  save({5});
  EXPECT_EQ(newest(), 5);
}

TEST_F(Checkpoints, FilesOfAnotherStepAreNotTakenForThisOne) {
  save({10, 20});
  for (const char* extension : {".json", ".safetensors"}) {
    fs::copy_file(file(std::string("step-000000010") + extension),
                  file(std::string("step-000000030") + extension));
  }
  EXPECT_EQ(newest(), 20);
}

// At every byte of both files, in turn: one bit flipped, or the file cut off there.
TEST_F(Checkpoints, NoDamageAnywhereGivesAWrongResult) {
  for (const std::string extension : {".json", ".safetensors"}) {
    save({10, 20});
    const std::string good = read_file(file("step-000000020" + extension));
    const std::string json = read_file(file("step-000000020.json"));
    const std::string tensors = read_file(file("step-000000020.safetensors"));
    const auto write_without_sync = [&](const std::string& name, const std::string& bytes) {
      std::FILE* out = std::fopen(file(name).c_str(), "wb");
      ASSERT_EQ(std::fwrite(bytes.data(), 1, bytes.size(), out), bytes.size());
      std::fclose(out);
    };
    set_log_level(LogLevel::Error);  // Thousands of warnings are expected.
    Rng rng(7);
    for (size_t at = 0; at < good.size(); ++at) {
      for (const bool cut : {false, true}) {
        std::string bad = cut ? good.substr(0, at) : good;
        if (!cut) bad[at] ^= static_cast<char>(1 << rng.below(8));
        write_without_sync("step-000000020.json", json);
        write_without_sync("step-000000020.safetensors", tensors);
        write_without_sync("step-000000020" + extension, bad);
        EXPECT_EQ(newest(), 10) << extension << (cut ? " cut at " : " flipped at ") << at;
      }
    }
    set_log_level(LogLevel::Info);
  }
}

TEST_F(Checkpoints, AnotherRankCannotReadWhatIsGone) {
  save({10});
  EXPECT_EQ(store_.load(10).step, 10);
  try {
    store_.load(20);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::World);
    EXPECT_THAT(error.what(), HasSubstr("checkpoint of step 20"));
  }
}

TEST_F(Checkpoints, AFailedSaveLeavesTheOlderOnes) {
  save({10, 20});
  // The file cannot be renamed over a folder, as if the disk had failed.
  fs::create_directories(file("step-000000030.json/x"));
  EXPECT_THROW(save({30}), Error);
  fs::remove_all(file("step-000000030.json"));
  EXPECT_EQ(newest(), 20);
}

}  // namespace
}  // namespace seqsweep
