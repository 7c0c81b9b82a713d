// Amazon Reviews 2023 (Hou et al. 2024), two of its categories: ratings as CSV, or the reviews
// themselves as JSON lines, and titles from the item descriptions.
#include "core/data/delimited.h"
#include "core/data/json_lines.h"
#include "core/data/prepare.h"
#include "core/data/raw_files.h"
#include "core/data/registry.h"

namespace seqsweep {
namespace {

struct Category {
  const char* dataset;   // As sweep files name it.
  const char* category;  // As the publisher names it.
  const char* ratings_checksum;
};

constexpr Category kBeauty = {"amazon-beauty-2023", "Beauty_and_Personal_Care",
                              "md5:6b9dfce7fca70dd05e1bcf77c1953c40"};
constexpr Category kGames = {"amazon-video-games-2023", "Video_Games",
                             "md5:60fdc3e812de871c30d65722e9a91a0a"};

RawNames files_of(const Category& category) {
  const std::string name = category.category;
  return {.interactions = {name + ".csv.gz", name + ".csv", name + ".jsonl.gz", name + ".jsonl"},
          .titles = {"meta_" + name + ".jsonl.gz", "meta_" + name + ".jsonl"}};
}

FetchRecipe recipe_of(const Category& category) {
  const std::string home = "https://mcauleylab.ucsd.edu/public_datasets/data/amazon_2023/";
  const RawNames files = files_of(category);
  const std::string& ratings = files.interactions.front();
  const std::string& titles = files.titles.front();
  return {.files = files,
          .downloads = {{.url = home + "benchmark/0core/rating_only/" + ratings,
                         .file = ratings,
                         .checksum = category.ratings_checksum},
                        {.url = home + "raw/meta_categories/" + titles, .file = titles}}};
}

int64_t read_interactions(const std::filesystem::path& path, double malformed_share,
                          InteractionTable& table) {
  if (path.string().find(".jsonl") != std::string::npos) {
    return read_json_reviews(path, malformed_share, table);
  }
  return read_delimited(path, {.quotes = true},
                        {.user = {{"user_id"}},
                         .item = {{"parent_asin"}},
                         .rating = {{"rating"}},
                         .time = {{"timestamp"}},
                         .unit = TimeUnit::Milliseconds},
                        malformed_share, table);
}

template <const Category& category>
std::shared_ptr<const Dataset> make(const PrepareSettings& config, const DatasetContext& context) {
  const RawFiles files = find_raw_files(category.dataset, context.data_dir, files_of(category));
  Source source{.name = category.dataset, .files = files.all()};
  source.interactions = [&](InteractionTable& table, double share) {
    return read_interactions(files.interactions, share, table);
  };
  if (files.titles) {
    source.titles = [&](TitleTable& table, double share) {
      return read_json_titles(*files.titles, share, table);
    };
  }
  return open_or_prepare(source, config, context.data_dir);
}

const RegisterDataset<PrepareSettings> kRegisterBeauty{
    kBeauty.dataset, "Amazon Reviews 2023, Beauty and Personal Care: 750,835 users", make<kBeauty>,
    recipe_of(kBeauty)};
const RegisterDataset<PrepareSettings> kRegisterGames{
    kGames.dataset, "Amazon Reviews 2023, Video Games: 98,907 users", make<kGames>,
    recipe_of(kGames)};

}  // namespace
}  // namespace seqsweep
