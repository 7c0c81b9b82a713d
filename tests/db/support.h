// What the tests of the database share.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "db/run_store.h"
#include "tests/support/temporary_folder.h"

namespace seqsweep {

inline void open_to_write(const std::filesystem::path& path) {
  Database::open_for_writing(path);
}
inline void open_to_read(const std::filesystem::path& path) {
  Database::open_for_reading(path);
}

// The Error that a call throws.
template <typename Call>
Error error_of(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "no Error was thrown";
  return Error(Fault::World, "no Error was thrown");
}

inline const AttemptPlace kPlace{
    .worker = 1, .ranks = 2, .host = "node-a", .environment = R"({"git_commit":"abc123"})"};

inline std::vector<PlannedRun> planned(const std::vector<std::string>& run_ids) {
  std::vector<PlannedRun> runs;
  for (const std::string& run_id : run_ids) {
    runs.push_back({.run_id = run_id,
                    .config = {{"dataset", {{"name", "tiny"}}},
                               {"model", {{"name", "net"}}},
                               {"optimizer", {{"name", "sgd"}}},
                               {"seed", 7},
                               {"train", {{"ranks", 1}}}}});
  }
  return runs;
}

inline Progress progress(const Ticket& ticket, int64_t step) {
  return {.ticket = ticket,
          .step = step,
          .epoch = step / 10,
          .epochs = 100,
          .fraction = 0.25,
          .seconds_left = 60,
          .phase = "train",
          .steps = {{.step = step, .loss = 1.0 / static_cast<double>(step), .batch_size = 128}}};
}

inline RunResult result(double ndcg) {
  return {.metrics = {{3, "test", "hit@10", 0.5}, {3, "test", "ndcg@10", ndcg}},
          .user_ranks = {0, 5, -1, 1 << 30},
          .latency = {{0.5, {0.25F, 0.75F}}, {0.75, {}}},
          .latency_ms = 0.6,
          .latency_low_ms = 0.5,
          .latency_high_ms = 0.7,
          .params = 123456789012,
          .params_no_embedding = 99,
          .epochs = 5,
          .best_epoch = 3,
          .steps = 50,
          .train_s = 1.5,
          .device = "cpu"};
}

}  // namespace seqsweep
