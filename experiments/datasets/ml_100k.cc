// MovieLens-100k (Harper & Konstan 2015): 100,000 ratings of films, from the original files or from
// the RecBole atomic files that the recbole wheel carries.
#include "core/data/delimited.h"
#include "core/data/prepare.h"
#include "core/data/raw_files.h"
#include "core/data/recbole.h"
#include "core/data/registry.h"

namespace seqsweep {
namespace {

struct Ml100kConfig : PrepareSettings {
  Ml100kConfig() { max_length = 200; }
};

const RawNames kFiles = {.interactions = {"u.data", "ml-100k.inter"},
                         .titles = {"u.item", "ml-100k.item"}};

int64_t read_interactions(const std::filesystem::path& path, double malformed_share,
                          InteractionTable& table) {
  if (path.filename() != "u.data") return read_recbole_interactions(path, malformed_share, table);
  return read_delimited(
      path, {.separator = "\t", .columns = {"user", "item", "rating", "timestamp"}},
      {{{"user"}}, {{"item"}}, {{"rating"}}, {{"timestamp"}}}, malformed_share, table);
}

int64_t read_titles(const std::filesystem::path& path, double malformed_share, TitleTable& table) {
  if (path.filename() != "u.item") return read_recbole_titles(path, malformed_share, table);
  return read_delimited_titles(path, {.separator = "|", .columns = {"item", "title"}},
                               {.item = {{"item"}}, .title = {{"title"}}}, malformed_share, table);
}

std::shared_ptr<const Dataset> make(const Ml100kConfig& config, const DatasetContext& context) {
  const RawFiles files = find_raw_files("ml-100k", context.data_dir, kFiles);
  Source source{.name = "ml-100k", .files = files.all()};
  source.interactions = [&](InteractionTable& table, double share) {
    return read_interactions(files.interactions, share, table);
  };
  if (files.titles) {
    source.titles = [&](TitleTable& table, double share) {
      return read_titles(*files.titles, share, table);
    };
  }
  return open_or_prepare(source, config, context.data_dir);
}

const RegisterDataset<Ml100kConfig> kMl100k{
    "ml-100k",
    "MovieLens-100k: ratings of films by 943 users",
    make,
    {.files = kFiles,
     .downloads = {
         {.url = "pip:recbole==1.2.1",
          .file = "recbole-1.2.1.whl",
          .checksum = "sha256:9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407",
          .members = {"recbole/dataset_example/ml-100k/ml-100k.inter",
                      "recbole/dataset_example/ml-100k/ml-100k.item"}}}}};

}  // namespace
}  // namespace seqsweep
