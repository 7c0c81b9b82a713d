#include "worker/latency.h"

#include <c10/core/InferenceMode.h>
#include <torch/types.h>

#include <algorithm>

#include "core/base/check.h"
#include "core/base/clock.h"
#include "core/base/random.h"
#include "core/eval/bootstrap.h"
#include "core/train/share.h"

namespace seqsweep {
namespace {

std::vector<History> draw_histories(const LatencyJob& job, int64_t sample, int64_t count) {
  Rng rng(seed_of(job.seed, sample));
  std::vector<History> histories(count);
  for (History& history : histories) {
    const auto user = static_cast<int64_t>(rng.below(job.data.users()));
    history = job.data.history(user, Split::Test);
  }
  return histories;
}

constexpr double kAskEvery_s = 1;  // Seldom: asking is not to show in the figures.

// Milliseconds of each history's share of its call. False: go_on() said no.
bool time_users(const LatencyJob& job, int64_t samples_done, std::span<const History> histories,
                float* user_ms) {
  if (!job.go_on(samples_done)) return false;
  double asked_s = monotonic_s();
  const size_t batch_size = job.config.batch_size;
  for (size_t begin = 0; begin < histories.size(); begin += batch_size) {
    const size_t size = std::min(batch_size, histories.size() - begin);
    const double start_s = monotonic_s();
    job.task.recommend(histories.subspan(begin, size), job.config.top_k, Seen::Listed);
    const double call_ms = 1e3 * (monotonic_s() - start_s);
    user_ms = std::fill_n(user_ms, size, static_cast<float>(call_ms / static_cast<double>(size)));
    if (monotonic_s() - asked_s < kAskEvery_s) continue;
    if (!job.go_on(samples_done)) return false;
    asked_s = monotonic_s();
  }
  return true;
}

void warm_up(const LatencyJob& job) {
  const int64_t users = job.config.warm_up * job.config.batch_size;
  std::vector<float> user_ms(users);
  time_users(job, 0, draw_histories(job, job.config.samples, users), user_ms.data());
}

// The samples of this rank: ranks of one host would disturb each other.
Share samples_of(const LatencyJob& job) {
  const int64_t all = job.config.samples;
  if (!job.config.alone) return share_of(all, job.group.rank(), job.group.size());
  return {0, job.group.rank() == 0 ? all : 0};
}

// [samples, users]: each row from the rank that measured it. Undefined when one was stopped.
torch::Tensor time_samples(const LatencyJob& job) {
  torch::Tensor user_ms = torch::zeros({job.config.samples, job.config.users}, torch::kFloat32);
  const Share mine = samples_of(job);
  bool go_on = true;
  for (int64_t sample = mine.begin; sample < mine.end && go_on; ++sample) {
    go_on = time_users(job, sample - mine.begin, draw_histories(job, sample, job.config.users),
                       user_ms[sample].data_ptr<float>());
  }
  if (job.group.any(!go_on)) return {};
  job.group.all_reduce_sum(user_ms);
  return user_ms;
}

}  // namespace

std::optional<LatencyFigures> measure_latency(const LatencyJob& job) {
  SEQ_CHECK(job.config.samples > 0);
  const c10::InferenceMode no_autograd;
  job.task.module().eval();
  if (const Share mine = samples_of(job); mine.begin < mine.end) warm_up(job);
  const int64_t tokens_before = job.task.tokens();
  const torch::Tensor user_ms = time_samples(job);
  if (!user_ms.defined()) return std::nullopt;

  LatencyFigures figures;
  std::vector<double> tokens = {static_cast<double>(job.task.tokens() - tokens_before)};
  job.group.all_reduce_sum(tokens);
  figures.tokens_per_s = tokens[0] / (1e-3 * user_ms.sum(torch::kDouble).item<double>());
  std::vector<double> sample_means;
  for (int64_t sample = 0; sample < job.config.samples; ++sample) {
    const float* row = user_ms[sample].data_ptr<float>();
    std::vector<float> of_sample(row, row + job.config.users);
    const std::vector<double> all(of_sample.begin(), of_sample.end());
    sample_means.push_back(mean(without_outliers(all)));
    figures.samples.push_back({.mean_ms = sample_means.back(), .user_ms = std::move(of_sample)});
  }
  const MeanInterval interval =
      bootstrap_mean(sample_means, seed_of(job.seed, job.config.samples + 1));
  figures.mean_ms = interval.mean;
  figures.low_ms = interval.low;
  figures.high_ms = interval.high;
  return figures;
}

}  // namespace seqsweep
