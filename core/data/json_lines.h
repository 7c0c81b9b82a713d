// Files of one JSON object a line: reviews and item descriptions of Amazon Reviews 2023.
#pragma once

#include <cstdint>
#include <filesystem>

#include "core/data/interaction_table.h"
#include "core/data/title_table.h"

namespace seqsweep {

// Objects with user_id, parent_asin, rating and timestamp (milliseconds). Throws Error
// (Fault::Input) when there are no rows or more than `malformed_share` of them are malformed:
// broken JSON, or one of the four missing or of another type. Returns how many were malformed.
int64_t read_json_reviews(const std::filesystem::path& path, double malformed_share,
                          InteractionTable& table);

// Objects with parent_asin and, when there is one, a title. Errors and result as above.
int64_t read_json_titles(const std::filesystem::path& path, double malformed_share,
                         TitleTable& table);

}  // namespace seqsweep
