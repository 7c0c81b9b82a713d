// What a prepared data set has, in small: two users, titles and keys, ratings and times.
#pragma once

#include "core/data/cache.h"

namespace seqsweep {

inline PreparedData small_prepared_data() {
  PreparedData data;
  data.sequences = {.offsets = {0, 3, 7},
                    .items = {0, 1, 0, 1, 1, 0, 2},
                    .ratings = {1, 2, 3, 4, 5, 4, 3},
                    .timestamps = {10, 20, 30, -1, 0, 1, 2}};
  for (const char* title : {"Am\xc3\xa9lie", "", "Heat"}) data.titles.add(title);
  for (const char* key : {"i9", "i7", "i8"}) data.item_keys.add(key);
  for (const char* key : {"ann", "bob"}) data.user_keys.add(key);
  data.preparation = {.raw_users = 5,
                      .raw_items = 6,
                      .raw_interactions = 70,
                      .malformed_rows = 8,
                      .short_users = 9,
                      .ties = TieRule::ItemKey};
  return data;
}

}  // namespace seqsweep
