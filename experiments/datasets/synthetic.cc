// Made-up data of any size: for tests, for scaling, and for a sweep without any download.
#include "core/data/synthetic.h"

#include "core/data/prepare.h"
#include "core/data/registry.h"

namespace seqsweep {
namespace {

struct SyntheticDatasetConfig : PrepareSettings {
  SyntheticConfig made;
  void fields(auto&& field) {
    made.fields(field);
    PrepareSettings::fields(field);
  }
};

std::shared_ptr<const Dataset> make(const SyntheticDatasetConfig& config,
                                    const DatasetContext& context) {
  const Source source{.name = "synthetic",
                      .reader = to_json(config.made),
                      .interactions =
                          [&](InteractionTable& table, double) {
                            make_synthetic_interactions(config.made, table);
                            return 0;
                          },
                      .titles =
                          [&](TitleTable& table, double) {
                            make_synthetic_titles(config.made, table);
                            return 0;
                          }};
  return open_or_prepare(source, config, context.data_dir);
}

const RegisterDataset<SyntheticDatasetConfig> kSynthetic{
    "synthetic", "made up: drifting tastes, Zipf items; any size", make};

}  // namespace
}  // namespace seqsweep
