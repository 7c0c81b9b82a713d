// Loss, ranks and lists over a whole catalogue.
#include <fmt/format.h>
#include <torch/types.h>

#include "kernels/catalogue_ranking.h"
#include "kernels/linear_cross_entropy.h"
#include "tools/bench/cases.h"

namespace seqsweep {

namespace {

using torch::Tensor;

// Of a cross entropy over `scores` scores of width D: the product and its two gradients.
double flops_of_scores(double scores, int64_t width) {
  return scores * (6.0 * static_cast<double>(width) + kExpFlops);
}

// One pass makes the loss and the gradients.
void bench_linear_cross_entropy(Bench& bench, int64_t rows, int64_t items) {
  const int64_t width = 64;
  const Tensor hidden = bench.leaf({rows, width}), embedding = bench.leaf({items, width});
  const Tensor targets = bench.ids(items, {rows});
  const Least least{.bytes = 4.0 * 2 * static_cast<double>((rows + items) * width),
                    .flops = flops_of_scores(static_cast<double>(rows * items), width)};
  const auto step = [&](const auto& loss) {
    return [&, loss] {
      differentiate(loss(hidden, embedding, Tensor(), targets), {hidden, embedding});
    };
  };
  bench.compare(fmt::format("linear_cross_entropy, {} rows x {} x {} items", rows, width, items),
                least, step(linear_cross_entropy), step(linear_cross_entropy_reference));
}

// Forward and backward, into gradients that are there before. `with_eager`: the reference may need
// more memory than there is.
void peak_of_linear_cross_entropy(Bench& bench, int64_t rows, int64_t items, bool with_eager) {
  const int64_t width = 64;
  const Tensor hidden = bench.leaf({rows, width}), embedding = bench.leaf({items, width});
  const Tensor targets = bench.ids(items, {rows});
  const auto peak_mb = [&](const auto& loss) {
    hidden.mutable_grad() = torch::zeros_like(hidden);
    embedding.mutable_grad() = torch::zeros_like(embedding);
    return bench.extra_peak_mb([&] { loss(hidden, embedding, Tensor(), targets).backward(); });
  };
  const double ours_mb = peak_mb(linear_cross_entropy);
  const double eager_mb = with_eager ? peak_mb(linear_cross_entropy_reference) : 0;
  fmt::print("| linear_cross_entropy, {} rows x {} x {} items | {:.0f} | {} |\n", rows, width,
             items, ours_mb,
             with_eager ? fmt::format("{:.0f} | {:.1f}", eager_mb, eager_mb / ours_mb) : "– | –");
}

void bench_sampled_cross_entropy(Bench& bench, int64_t rows, int64_t items, int64_t negatives) {
  const int64_t width = 64;
  const Tensor hidden = bench.leaf({rows, width}), embedding = bench.leaf({items, width});
  const Tensor targets = bench.ids(items, {rows});
  const Tensor drawn = bench.ids(items, {negatives});
  const Tensor log_expected = torch::zeros({negatives}, bench.options());
  const auto step = [&](const auto& loss) {
    return [&, loss] {
      differentiate(loss(hidden, embedding, Tensor(), targets, drawn, log_expected),
                    {hidden, embedding});
    };
  };
  // The eager loss of only the sample: its scores, the target's beside them.
  const auto eager = [](const Tensor& h, const Tensor& e, const Tensor&, const Tensor& target,
                        const Tensor& ids, const Tensor& correction) {
    const Tensor own = (h * torch::embedding(e, target)).sum(1, true);
    const Tensor others = (torch::mm(h, torch::embedding(e, ids).t()) - correction)
                              .masked_fill(target.unsqueeze(1).eq(ids), -1e30);
    return (torch::cat({own, others}, 1).logsumexp(1) - own.squeeze(1)).sum();
  };
  // The gradient of the embedding is dense.
  const Least least{.bytes = 4.0 * static_cast<double>((4 * rows + negatives + items) * width),
                    .flops = flops_of_scores(static_cast<double>(rows * negatives), width)};
  bench.compare(fmt::format("sampled_cross_entropy, {} rows x {} x {} of {} items", rows, width,
                            negatives, items),
                least, step(sampled_cross_entropy), step(eager));
}

// The ten best items of each row and, for many rows, the rank of a target.
void bench_catalogue_ranking(Bench& bench, int64_t rows, int64_t items) {
  const torch::NoGradGuard no_grad;
  constexpr int kRepeats = 20;  // One serving call is too short to time.
  const int repeats = rows == 1 ? kRepeats : 1;
  const Tensor hidden = bench.random({rows, 64}), embedding = bench.random({items, 64});
  const auto repeat = [&](const auto& work) {
    return [=] {
      for (int i = 0; i < repeats; ++i) work();
    };
  };
  const Least least{.bytes = repeats * 4.0 * static_cast<double>((rows + items) * 64),
                    .flops = repeats * 2.0 * static_cast<double>(rows * items * 64)};
  bench.compare(
      fmt::format("best_in_catalogue, {} x {} rows x 64 x {} items", repeats, rows, items), least,
      repeat([=] { best_in_catalogue(hidden, embedding, {}, 10); }), repeat([=] {
        const auto [scores, items] = torch::mm(hidden, embedding.t()).topk(10);
        return std::pair{scores.cpu(), items.cpu()};
      }));
  if (rows == 1) return;
  const std::vector<int32_t> targets(static_cast<size_t>(rows), 7);
  bench.compare(
      fmt::format("rank_in_catalogue, {} rows x 64 x {} items", rows, items), least,
      [&] { rank_in_catalogue(hidden, embedding, {}, targets); },
      [&] { rank_in_catalogue_reference(hidden, embedding, {}, targets); });
}

}  // namespace

void bench_catalogue_kernels(Bench& bench) {
  bench_linear_cross_entropy(bench, 12800, 3417);
  if (bench.on_gpu()) {
    bench_linear_cross_entropy(bench, 4096, 211452);
    bench_sampled_cross_entropy(bench, 4096, 211452, 1024);
    bench_catalogue_ranking(bench, 6040, 3417);
    bench_catalogue_ranking(bench, 1024, 211452);
    return;
  }
  bench_linear_cross_entropy(bench, 12800, 1349);
  bench_sampled_cross_entropy(bench, 4096, 211452, 1024);
  bench_catalogue_ranking(bench, 1, 3417);
  bench_catalogue_ranking(bench, 1, 211452);
  bench_catalogue_ranking(bench, 512, 3417);
}

void bench_catalogue_memory(Bench& bench) {
  peak_of_linear_cross_entropy(bench, 12800, 3417, /*with_eager=*/true);
  peak_of_linear_cross_entropy(bench, 4096, 211452, /*with_eager=*/bench.on_gpu());
}

}  // namespace seqsweep
