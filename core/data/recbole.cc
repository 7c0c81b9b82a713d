#include "core/data/recbole.h"

#include "core/data/delimited.h"

namespace seqsweep {
namespace {

const DelimitedFormat kAtomic = {.separator = "\t", .typed_header = true};

}  // namespace

int64_t read_recbole_interactions(const std::filesystem::path& path, double malformed_share,
                                  InteractionTable& table) {
  return read_delimited(path, kAtomic,
                        {.user = {{"user_id"}},
                         .item = {{"item_id"}},
                         .rating = {{"rating"}, /*required=*/false},
                         .time = {{"timestamp"}, /*required=*/false}},
                        malformed_share, table);
}

int64_t read_recbole_titles(const std::filesystem::path& path, double malformed_share,
                            TitleTable& table) {
  return read_delimited_titles(
      path, kAtomic,
      {.item = {{"item_id"}}, .title = {{"title", "movie_title", "name"}, /*required=*/false}},
      malformed_share, table);
}

}  // namespace seqsweep
