// Plain sequence files in time order: `user item` or `user item item ...` lines.
#include "core/base/error.h"
#include "core/data/prepare.h"
#include "core/data/registry.h"
#include "core/data/sequence_file.h"

namespace seqsweep {
namespace {

struct SequencesConfig : PrepareSettings {
  std::string path;
  void fields(auto&& field) {
    field("path", path, "lines of 'user item', or of 'user item item ...'; oldest first");
    PrepareSettings::fields(field);
  }
};

std::shared_ptr<const Dataset> make(const SequencesConfig& config, const DatasetContext& context) {
  if (config.path.empty()) throw_input("dataset sequences: needs a 'path': a text file");
  const Source source{.name = "sequences",
                      .files = {config.path},
                      .interactions = [&](InteractionTable& table, double share) {
                        return read_sequences(config.path, share, table);
                      }};
  return open_or_prepare(source, config, context.data_dir);
}

const RegisterDataset<SequencesConfig> kSequences{"sequences", "plain sequence files, by path",
                                                  make};

}  // namespace
}  // namespace seqsweep
