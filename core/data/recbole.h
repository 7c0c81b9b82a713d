// RecBole atomic files: tab-separated with a header of typed names.
#pragma once

#include <filesystem>
#include <string>

#include "core/data/interaction_table.h"
#include "core/data/title_table.h"

namespace seqsweep {

// `.inter`: user_id, item_id and, when it has them, rating and timestamp. Errors and result as
// read_delimited.
int64_t read_recbole_interactions(const std::filesystem::path& path, double malformed_share,
                                  InteractionTable& table);
// `.item`: item_id and title, movie_title or name; without one of these there are no titles.
int64_t read_recbole_titles(const std::filesystem::path& path, double malformed_share,
                            TitleTable& table);

}  // namespace seqsweep
