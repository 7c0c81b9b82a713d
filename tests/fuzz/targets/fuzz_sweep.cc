#include "coordinator/plan.h"
#include "tests/coordinator/fake_catalog.h"
#include "tests/fuzz/targets/read_or_refuse.h"
#include "tests/fuzz/targets/targets.h"

namespace seqsweep {
namespace {

constexpr size_t kCellsMax = 200;  // A large grid is slow, not wrong.

size_t cells(const SweepConfig& sweep) {
  size_t rows = 0;
  for (const ModelChoice& model : sweep.models) {
    rows += model.optimizers.empty() ? sweep.optimizers.size() : model.optimizers.size();
  }
  return rows * sweep.datasets.size() * sweep.seeds.size();
}

}  // namespace

bool fuzz_sweep(Bytes bytes) {
  static const FakeCatalog catalog;
  return read_or_refuse([&] {
    const std::string text(bytes.begin(), bytes.end());
    const SweepConfig sweep = read_sweep(parse_yaml(text, "sweep.yaml"), catalog.get());
    if (cells(sweep) > kCellsMax) return;
    const std::vector<SweepRun> runs = expand(sweep);
    SEQ_CHECK(!runs.empty());
    // What is stored must give the same runs again.
    const std::string stored = resolved(sweep).dump();
    const std::vector<SweepRun> again =
        expand(read_sweep(parse_yaml(stored, "stored"), catalog.get()));
    SEQ_CHECK(again.size() == runs.size());
    for (size_t i = 0; i < runs.size(); ++i) SEQ_CHECK(again[i].run_id == runs[i].run_id);
  });
}

}  // namespace seqsweep
