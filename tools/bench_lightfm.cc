// Our hybrid factorisation alone, for bench_lightfm.py: TRAIN and TEST are files of "user item"
// lines, ids from 0. Prints, as JSON, precision@10 and AUC as lightfm.evaluation defines them
// (items of TRAIN are not ranked) and epochs a second.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "kernels/hybrid_factors.h"

namespace seqsweep {
namespace {

using Rows = std::vector<std::vector<int32_t>>;  // Items of each user.

struct Bench {
  std::string train, test;
  FactorSettings settings;
  std::string loss = "warp";
  int64_t epochs = 30, threads = 2, seed = 1;
};

FactorLoss loss_of(const std::string& name) {
  if (name == "bpr") return FactorLoss::Bpr;
  if (name == "warp") return FactorLoss::Warp;
  if (name == "warp-kos") return FactorLoss::KosWarp;
  throw_input("--loss: one of bpr, warp, warp-kos; '{}' came", name);
}

std::vector<Interaction> read_interactions(const std::string& path) {
  std::ifstream file(path);
  std::vector<Interaction> all;
  for (Interaction one; file >> one.user >> one.item;) all.push_back(one);
  if (all.empty()) throw_input("{}: no \"user item\" lines", path);
  return all;
}

Rows by_user(const std::vector<Interaction>& interactions, int64_t users) {
  Rows rows(static_cast<size_t>(users));
  for (const Interaction& one : interactions) rows[one.user].push_back(one.item);
  return rows;
}

struct Quality {
  double precision = 0, auc = 0;
};

// Over users with test items.
Quality quality_of(const HybridFactors<float>& factors, int64_t width, const Rows& train,
                   const Rows& test, int64_t items) {
  const std::vector<float> users_U = factors.user_features(), items_V = factors.items();
  std::vector<float> score(static_cast<size_t>(items));
  Quality sum;
  int64_t count = 0;
  for (size_t user = 0; user < test.size(); ++user) {
    if (test[user].empty()) continue;
    ++count;
    const float* u = users_U.data() + user * (width + 1);
    for (int64_t item = 0; item < items; ++item) {
      const float* v = items_V.data() + item * (width + 1);
      score[item] = v[width];
      for (int64_t j = 0; j < width; ++j) score[item] += u[j] * v[j];
    }
    std::vector<bool> in_train(items), in_test(items);
    for (const int32_t item : train[user]) in_train[item] = true;
    for (const int32_t item : test[user]) in_test[item] = true;
    int64_t hits = 0, wrong_pairs = 0, negatives = 0;
    for (const int32_t mine : test[user]) {
      int64_t rank = 0;
      negatives = 0;
      for (int64_t other = 0; other < items; ++other) {
        if (in_train[other] || other == mine) continue;
        rank += score[other] >= score[mine];
        wrong_pairs += !in_test[other] && score[other] >= score[mine];
        negatives += !in_test[other];
      }
      hits += rank < 10;
    }
    const auto pairs = static_cast<double>(negatives * std::ssize(test[user]));
    sum.precision += static_cast<double>(hits) / 10;
    sum.auc += 1 - static_cast<double>(wrong_pairs) / pairs;
  }
  return {sum.precision / static_cast<double>(count), sum.auc / static_cast<double>(count)};
}

void run(const Bench& bench) {
  FactorData data;
  data.interactions = read_interactions(bench.train);
  const std::vector<Interaction> test = read_interactions(bench.test);
  int64_t users = 0, items = 0;
  const auto count = [&](const Interaction& one) {
    users = std::max<int64_t>(users, one.user + 1);
    items = std::max<int64_t>(items, one.item + 1);
  };
  std::ranges::for_each(data.interactions, count);
  std::ranges::for_each(test, count);
  data.users = FeatureRows::identity(users);
  data.items = FeatureRows::identity(items);
  HybridFactors<float> factors(bench.settings, data, static_cast<uint64_t>(bench.seed));
  const double began_s = monotonic_s();
  for (int64_t epoch = 0; epoch < bench.epochs; ++epoch) factors.train_epoch(epoch, bench.threads);
  const double took_s = monotonic_s() - began_s;
  const Quality quality =
      quality_of(factors, bench.settings.width, by_user(data.interactions, users),
                 by_user(test, users), items);
  const nlohmann::json report{{"precision_at_10", quality.precision},
                              {"auc", quality.auc},
                              {"epochs_per_s", static_cast<double>(bench.epochs) / took_s}};
  std::cout << report.dump() << "\n";
}

}  // namespace
}  // namespace seqsweep

int main(int argc, char** argv) {
  seqsweep::Bench bench;
  CLI::App app("Hybrid factorisation on TRAIN, measured on TEST");
  app.add_option("train", bench.train, "\"user item\" lines")->required();
  app.add_option("test", bench.test, "likewise")->required();
  app.add_option("--loss", bench.loss, "bpr, warp or warp-kos");
  app.add_option("--width", bench.settings.width);
  app.add_option("--epochs", bench.epochs);
  app.add_option("--threads", bench.threads);
  app.add_option("--seed", bench.seed);
  CLI11_PARSE(app, argc, argv);
  try {
    bench.settings.loss = seqsweep::loss_of(bench.loss);
    seqsweep::run(bench);
  } catch (const seqsweep::Error& error) {
    std::cerr << error.what() << "\n";
    return 2;
  }
}
