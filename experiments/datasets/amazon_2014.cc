// Amazon reviews of 2014 (McAuley et al. 2015) as papers of that time prepared them: Beauty as rows
// of user, item and day, Video Games as SASRec's list of `user item` lines. Neither has ratings.
// Nobody publishes these very files under a lasting address: they are given with --raw.
#include "core/data/delimited.h"
#include "core/data/prepare.h"
#include "core/data/raw_files.h"
#include "core/data/registry.h"
#include "core/data/sequence_file.h"

namespace seqsweep {
namespace {

const RawNames kBeautyFiles = {.interactions = {"interactions_time.tsv"},
                               .titles = {"item_titles.tsv"}};
const RawNames kGamesFiles = {.interactions = {"Video.txt"}};

std::shared_ptr<const Dataset> make_beauty(const PrepareSettings& config,
                                           const DatasetContext& context) {
  const RawFiles files = find_raw_files("amazon-beauty-2014", context.data_dir, kBeautyFiles);
  Source source{.name = "amazon-beauty-2014", .files = files.all()};
  source.interactions = [&](InteractionTable& table, double share) {
    return read_delimited(files.interactions, {.separator = "\t"},
                          {.user = {{"user"}},
                           .item = {{"item"}},
                           .rating = {.required = false},
                           .time = {{"timestamp"}}},
                          share, table);
  };
  if (files.titles) {
    source.titles = [&](TitleTable& table, double share) {
      return read_delimited_titles(*files.titles, {.separator = "\t", .columns = {"item", "title"}},
                                   {.item = {{"item"}}, .title = {{"title"}}}, share, table);
    };
  }
  return open_or_prepare(source, config, context.data_dir);
}

std::shared_ptr<const Dataset> make_games(const PrepareSettings& config,
                                          const DatasetContext& context) {
  const RawFiles files = find_raw_files("amazon-video-games-2014", context.data_dir, kGamesFiles);
  const Source source{.name = "amazon-video-games-2014",
                      .files = files.all(),
                      .interactions = [&](InteractionTable& table, double share) {
                        return read_sequences(files.interactions, share, table);
                      }};
  return open_or_prepare(source, config, context.data_dir);
}

const RegisterDataset<PrepareSettings> kBeauty{
    "amazon-beauty-2014", "Amazon reviews of 2014, Beauty: 22,363 users; by --raw", make_beauty,
    FetchRecipe{.files = kBeautyFiles}};
const RegisterDataset<PrepareSettings> kGames{
    "amazon-video-games-2014", "Amazon reviews of 2014, Video Games: 31,013 users; by --raw",
    make_games, FetchRecipe{.files = kGamesFiles}};

}  // namespace
}  // namespace seqsweep
