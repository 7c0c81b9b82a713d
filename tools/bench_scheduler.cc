// The scheduler at scale: a sweep of mixed runs on a virtual cluster whose workers fail, played
// with the policy of the coordinator. Prints how long the planning took and how near to the best
// possible end the plan comes.
//   bench_scheduler --ranks 10000 --runs 100000 --failures-per-hour 0.01 --csv busy.csv --svg
//   busy.svg
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <ctime>
#include <numbers>

#include "coordinator/simulator.h"
#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/random.h"

namespace seqsweep {
namespace {

struct Options {
  SimulatedCluster cluster{.ranks = 10'000, .failures_per_hour = 0.01};
  int64_t runs = 100'000;
  double noise = 0.3;  // Standard deviation of the logarithm of estimate over truth.
  double gpu_gb = 80;
  std::string csv, svg;
};

double normal(Rng& rng) {
  const double u = 1 - rng.uniform(), v = rng.uniform();
  return std::sqrt(-2 * std::log(u)) * std::cos(2 * std::numbers::pi * v);
}

// Kinds of runs with ten seeds each: lengths from a minute to hours, most on one rank, some on up
// to 64; five data sets. On GPUs: from 1 GB each to all of one, most few.
std::vector<SimulatedRun> make_runs(const Options& options) {
  constexpr int64_t kSeeds = 10;
  Rng rng(options.cluster.seed);
  std::vector<SimulatedRun> runs;
  double seconds = 0, estimate_s = 0;
  int64_t ranks = 1;
  std::string dataset;
  int64_t bytes = 0;
  for (int64_t i = 0; i < options.runs; ++i) {
    if (i % kSeeds == 0) {
      seconds = std::min(60 * std::exp(2 + 1.2 * normal(rng)), 4 * 3600.0);
      estimate_s = seconds * std::exp(options.noise * normal(rng));
      ranks = rng.uniform() < 0.7 ? 1 : int64_t{1} << (1 + rng.below(6));
      ranks = std::min(ranks, options.cluster.ranks);
      dataset = "data" + std::to_string(rng.below(5));
      if (options.cluster.gpus_per_host > 0) {
        bytes =
            static_cast<int64_t>(1e9 * std::min(std::exp(1 + 1.2 * normal(rng)), options.gpu_gb));
      }
    }
    const double own = seconds * std::exp(0.05 * normal(rng));  // Seeds differ a little.
    runs.push_back({.run = {.run_id = std::to_string(i),
                            .label = std::to_string(i),
                            .ranks = ranks,
                            .turn = i % kSeeds,
                            .estimate_s = estimate_s,
                            .path_s = estimate_s,
                            .position = i,
                            .dataset = dataset,
                            .bytes = bytes},
                    .seconds = own,
                    .needs = {}});
  }
  return runs;
}

// At most so many points, each the mean of what it stands for.
std::vector<SimulatedSchedule::Point> thinned(const SimulatedSchedule& simulation, size_t count) {
  std::vector<SimulatedSchedule::Point> points;
  const double step_s = simulation.makespan_s / static_cast<double>(count);
  size_t next = 0;
  int64_t busy = 0;
  for (size_t i = 0; i < count; ++i) {
    const double from_s = step_s * static_cast<double>(i), until_s = from_s + step_s;
    double at_s = from_s, sum = 0;
    for (; next < simulation.curve.size() && simulation.curve[next].at_s < until_s; ++next) {
      sum += static_cast<double>(busy) * (simulation.curve[next].at_s - at_s);
      at_s = simulation.curve[next].at_s;
      busy = simulation.curve[next].busy;
    }
    sum += static_cast<double>(busy) * (until_s - at_s);
    points.push_back({from_s, std::llround(sum / step_s)});
  }
  return points;
}

std::string csv_of(const std::vector<SimulatedSchedule::Point>& points) {
  std::string text = "hours,busy_workers\n";
  for (const auto& [at_s, busy] : points) text += fmt::format("{:.4f},{}\n", at_s / 3600, busy);
  return text;
}

std::string svg_of(const std::vector<SimulatedSchedule::Point>& points,
                   const SimulatedSchedule& simulation, int64_t ranks) {
  constexpr double kWidth = 800, kHeight = 300, kMargin = 50;
  const auto x = [&](double at_s) { return kMargin + kWidth * at_s / simulation.makespan_s; };
  const auto y = [&](double busy) {
    return kMargin + kHeight * (1 - busy / static_cast<double>(ranks));
  };
  std::string path = fmt::format("M{:.1f} {:.1f}", x(0), y(0));
  for (const auto& [at_s, busy] : points) {
    path += fmt::format("L{:.1f} {:.1f}", x(at_s), y(static_cast<double>(busy)));
  }
  path += fmt::format("L{:.1f} {:.1f}Z", x(simulation.makespan_s), y(0));
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" "
      "font-family=\"sans-serif\" "
      "font-size=\"13\">\n<path d=\"{2}\" fill=\"#4477aa\"/>\n"
      "<path d=\"M{3} {3}V{4}H{5}\" fill=\"none\" stroke=\"black\"/>\n"
      "<text x=\"{3}\" y=\"{6}\">0 h</text><text x=\"{5}\" y=\"{6}\" text-anchor=\"end\">{7:.1f} "
      "h</text><text x=\"{3}\" y=\"{8}\">busy workers of {9}: {10:.1f} %</text>\n</svg>\n",
      kWidth + 2 * kMargin, kHeight + 2 * kMargin, path, kMargin, kMargin + kHeight,
      kMargin + kWidth, kMargin + kHeight + 20, simulation.makespan_s / 3600, kMargin - 15, ranks,
      100 * simulation.utilisation);
}

void bench(Options options) {
  options.cluster.gpu_bytes = static_cast<int64_t>(1e9 * options.gpu_gb);
  const std::vector<SimulatedRun> runs = make_runs(options);
  const std::clock_t start = std::clock();
  const SimulatedSchedule got = simulate(runs, options.cluster);
  const double took_s = double(std::clock() - start) / CLOCKS_PER_SEC;  // Of one core.
  fmt::print("{} runs on {} workers, {} failures an hour and worker, estimates off by {:.0f} %\n",
             options.runs, options.cluster.ranks, options.cluster.failures_per_hour,
             100 * (std::exp(options.noise) - 1));
  fmt::print("planning      {:.2f} s of a core, {:.1f} us a decision\n", took_s,
             1e6 * took_s / static_cast<double>(got.attempts));
  fmt::print("attempts      {}, {} of which failed\n", got.attempts, got.failures);
  fmt::print("makespan      {:.3f} h, {:.4f} times the bound of {:.3f} h\n", got.makespan_s / 3600,
             got.makespan_s / got.bound_s, got.bound_s / 3600);
  fmt::print("utilisation   {:.2f} % of {} that may train at once\n", 100 * got.utilisation,
             got.capacity);
  const auto points = thinned(got, 1000);
  if (!options.csv.empty()) write_file_atomic(options.csv, csv_of(points));
  if (!options.svg.empty()) {
    write_file_atomic(options.svg, svg_of(points, got, options.cluster.ranks));
  }
}

}  // namespace
}  // namespace seqsweep

int main(int argc, char** argv) {
  using namespace seqsweep;
  Options options;
  CLI::App app("Plans a large sweep on a virtual cluster");
  app.add_option("--ranks", options.cluster.ranks, "workers [10000]")->check(CLI::PositiveNumber);
  app.add_option("--runs", options.runs, "runs [100000]")->check(CLI::PositiveNumber);
  app.add_option("--failures-per-hour", options.cluster.failures_per_hour, "of a worker [0.01]")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--gpus-per-host", options.cluster.gpus_per_host, "of 8 workers [0: CPUs]")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--ranks-per-gpu", options.cluster.ranks_per_gpu, "at once [1]")
      ->check(CLI::PositiveNumber);
  app.add_option("--gpu-memory", options.gpu_gb, "GB of each [80]")->check(CLI::PositiveNumber);
  app.add_option("--noise", options.noise, "of the estimates' logarithms [0.3]")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--seed", options.cluster.seed, "of lengths and failures [1]");
  app.add_option("--csv", options.csv, "busy workers over time");
  app.add_option("--svg", options.svg, "the same as a plot");
  CLI11_PARSE(app, argc, argv);
  try {
    bench(options);
  } catch (const Error& error) {
    fmt::print(stderr, "{}\n", error.what());
    return error.exit_code();
  }
  return kExitDone;
}
