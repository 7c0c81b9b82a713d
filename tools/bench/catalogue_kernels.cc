// Loss, ranks and lists over a whole catalogue.
#include <malloc.h>
#include <torch/utils.h>

#include <fstream>

#include "core/base/files.h"
#include "core/base/text.h"
#include "kernels/catalogue_ranking.h"
#include "kernels/linear_cross_entropy.h"
#include "tools/bench/cases.h"
#include "tools/bench/paired.h"

namespace seqsweep {

namespace {

using torch::Tensor;

void bench_linear_cross_entropy(int rounds, int64_t rows, int64_t items) {
  const int64_t width = 64;
  const Tensor hidden = leaf({rows, width}), embedding = leaf({items, width});
  const Tensor targets = torch::randint(items, {rows}, torch::kLong);
  compare(
      fmt::format("linear_cross_entropy, {} rows x {} x {} items", rows, width, items), rounds,
      [&] { linear_cross_entropy(hidden, embedding, {}, targets).backward(); },
      [&] { linear_cross_entropy_reference(hidden, embedding, {}, targets).backward(); });
}

int64_t status_kb(const std::string& key) {
  for (const std::string& line : split(read_file("/proc/self/status"), '\n')) {
    if (line.starts_with(key)) return std::stoll(line.substr(key.size()));
  }
  return 0;
}

// Most memory that `work` held at a time beyond what the process has before it; the allocator first
// gives back what it keeps, the kernel forgets the old peak.
double extra_peak_mb(const std::function<void()>& work) {
  malloc_trim(0);
  std::ofstream("/proc/self/clear_refs") << 5;
  const int64_t before_kb = status_kb("VmRSS:");
  work();
  return static_cast<double>(status_kb("VmHWM:") - before_kb) / 1024;
}

// Forward and backward, into gradients that are there before. `with_eager`: the reference may need
// more memory than there is.
void peak_of_linear_cross_entropy(int64_t rows, int64_t items, bool with_eager) {
  const int64_t width = 64;
  const Tensor hidden = leaf({rows, width}), embedding = leaf({items, width});
  const Tensor targets = torch::randint(items, {rows}, torch::kLong);
  const auto peak_mb = [&](const auto& loss) {
    hidden.mutable_grad() = torch::zeros_like(hidden);
    embedding.mutable_grad() = torch::zeros_like(embedding);
    return extra_peak_mb([&] { loss(hidden, embedding, Tensor(), targets).backward(); });
  };
  const double ours_mb = peak_mb(linear_cross_entropy);
  const double eager_mb = with_eager ? peak_mb(linear_cross_entropy_reference) : 0;
  fmt::print("| linear_cross_entropy, {} rows x {} x {} items | {:.0f} | {} |\n", rows, width,
             items, ours_mb,
             with_eager ? fmt::format("{:.0f} | {:.1f}", eager_mb, eager_mb / ours_mb) : "– | –");
}

void bench_sampled_cross_entropy(int rounds, int64_t rows, int64_t items, int64_t negatives) {
  const int64_t width = 64;
  const Tensor hidden = leaf({rows, width}), embedding = leaf({items, width});
  const Tensor targets = torch::randint(items, {rows}, torch::kLong);
  const Tensor drawn = torch::randint(items, {negatives}, torch::kLong);
  const Tensor log_expected = torch::zeros({negatives});
  const auto step = [&](const auto& loss) {
    return
        [&, loss] { loss(hidden, embedding, Tensor(), targets, drawn, log_expected).backward(); };
  };
  // The eager loss of only the sample: its scores, the target's beside them.
  const auto eager = [](const Tensor& h, const Tensor& e, const Tensor&, const Tensor& target,
                        const Tensor& ids, const Tensor& correction) {
    const Tensor own = (h * torch::embedding(e, target)).sum(1, true);
    const Tensor others = (torch::mm(h, torch::embedding(e, ids).t()) - correction)
                              .masked_fill(target.unsqueeze(1).eq(ids), -1e30);
    return (torch::cat({own, others}, 1).logsumexp(1) - own.squeeze(1)).sum();
  };
  compare(fmt::format("sampled_cross_entropy, {} rows x {} x {} of {} items", rows, width,
                      negatives, items),
          rounds, step(sampled_cross_entropy), step(eager));
}

// The ten best items of each row and, for many rows, the rank of a target.
void bench_catalogue_ranking(int rounds, int64_t rows, int64_t items) {
  const torch::NoGradGuard no_grad;
  constexpr int kRepeats = 20;  // One serving call is too short to time.
  const int repeats = rows == 1 ? kRepeats : 1;
  const Tensor hidden = torch::randn({rows, 64}), embedding = torch::randn({items, 64});
  const auto repeat = [&](const auto& work) {
    return [=] {
      for (int i = 0; i < repeats; ++i) work();
    };
  };
  compare(fmt::format("best_in_catalogue, {} x {} rows x 64 x {} items", repeats, rows, items),
          rounds, repeat([=] { best_in_catalogue(hidden, embedding, {}, 10); }),
          repeat([=] { torch::mm(hidden, embedding.t()).topk(10); }));
  if (rows == 1) return;
  const std::vector<int32_t> targets(static_cast<size_t>(rows), 7);
  compare(
      fmt::format("rank_in_catalogue, {} rows x 64 x {} items", rows, items), rounds,
      [&] { rank_in_catalogue(hidden, embedding, {}, targets); },
      [&] { rank_in_catalogue_reference(hidden, embedding, {}, targets); });
}

}  // namespace

void bench_catalogue_kernels(int rounds) {
  bench_linear_cross_entropy(rounds, 12800, 3417);
  bench_linear_cross_entropy(rounds, 12800, 1349);
  bench_sampled_cross_entropy(rounds, 4096, 211452, 1024);
  bench_catalogue_ranking(rounds, 1, 3417);
  bench_catalogue_ranking(rounds, 1, 211452);
  bench_catalogue_ranking(rounds, 512, 3417);
}

void bench_catalogue_memory() {
  peak_of_linear_cross_entropy(12800, 3417, /*with_eager=*/true);
  peak_of_linear_cross_entropy(4096, 211452, /*with_eager=*/false);
}

}  // namespace seqsweep
