// MovieLens-1M (Harper & Konstan 2015): 1,000,209 ratings of films. Many of a user's ratings have
// the same second, so that the tie rule (`ties`) decides most users' last item: file order here.
// Also reads ml-1m.ordered.csv.gz, where the order is written out: there the movie id broke the
// ties.
#include "core/data/delimited.h"
#include "core/data/prepare.h"
#include "core/data/raw_files.h"
#include "core/data/registry.h"

namespace seqsweep {
namespace {

struct Ml1mConfig : PrepareSettings {
  Ml1mConfig() { max_length = 200; }
};

const RawNames kFiles = {.interactions = {"ratings.dat", "ml-1m.ordered.csv.gz"},
                         .titles = {"movies.dat"}};

int64_t read_interactions(const std::filesystem::path& path, double malformed_share,
                          InteractionTable& table) {
  if (path.filename() == "ratings.dat") {
    return read_delimited(
        path, {.separator = "::", .columns = {"user", "item", "rating", "timestamp"}},
        {.user = {{"user"}}, .item = {{"item"}}, .rating = {{"rating"}}, .time = {{"timestamp"}}},
        malformed_share, table);
  }
  return read_delimited(path, {},
                        {.user = {{"user_id"}},
                         .item = {{"movie_id"}},
                         .rating = {{"rating"}},
                         .time = {{"pos"}},
                         .times = Times::OrderOnly},
                        malformed_share, table);
}

std::shared_ptr<const Dataset> make(const Ml1mConfig& config, const DatasetContext& context) {
  const RawFiles files = find_raw_files("ml-1m", context.data_dir, kFiles);
  Source source{.name = "ml-1m", .files = files.all()};
  source.interactions = [&](InteractionTable& table, double share) {
    return read_interactions(files.interactions, share, table);
  };
  if (files.titles) {
    source.titles = [&](TitleTable& table, double share) {
      return read_delimited_titles(*files.titles, {.separator = "::", .columns = {"item", "title"}},
                                   {.item = {{"item"}}, .title = {{"title"}}}, share, table);
    };
  }
  return open_or_prepare(source, config, context.data_dir);
}

const RegisterDataset<Ml1mConfig> kMl1m{
    "ml-1m",
    "MovieLens-1M: ratings of films by 6,040 users",
    make,
    {.files = kFiles,
     .downloads = {
         {.url = "https://files.grouplens.org/datasets/movielens/ml-1m.zip",
          .file = "ml-1m.zip",
          .checksum = "sha256:a6898adb50b9ca05aa231689da44c217cb524e7ebd39d264c56e2832f2c54e20",
          .members = {"ml-1m/ratings.dat", "ml-1m/movies.dat"}}}}};

}  // namespace
}  // namespace seqsweep
