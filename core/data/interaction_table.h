// Interactions as the readers deliver them: columns in file order.
#pragma once

#include <cstdint>
#include <future>
#include <string>
#include <string_view>
#include <vector>

#include "core/data/key_table.h"

namespace seqsweep {

struct Interaction {
  std::string_view user, item;  // Raw ids.
  float rating = 0;
  int64_t time_us = 0;  // Microseconds: sources count in seconds, milliseconds or fractions.
};

// Whether a source knows ratings and times, and whether its times are Unix times or only an order.
enum class Times { None, OrderOnly, Unix };
struct InteractionTraits {
  bool ratings = false;
  Times times = Times::None;
};

class InteractionTable {
 public:
  // Called by a reader before its first add().
  void set_traits(InteractionTraits traits) { traits_ = traits; }
  // About how many rows will come: saves copies while the columns grow.
  void expect(int64_t rows);
  // The row may be forgotten after the call. Rows pass through batches, whose ids a second thread
  // looks up: nothing of the table may be read before finish().
  void add(const Interaction& row);
  void finish();

  InteractionTraits traits() const { return traits_; }
  const KeyTable& user_keys() const { return user_keys_; }
  const KeyTable& item_keys() const { return item_keys_; }
  int64_t size() const { return static_cast<int64_t>(user.size()); }

  // Row i: user[i], item[i] index the key tables; rating and time_us are empty where the source
  // has none.
  std::vector<int32_t> user, item;
  std::vector<float> rating;
  std::vector<int64_t> time_us;

 private:
  // Raw ids of some rows; the views point into `bytes`, whose capacity never changes.
  struct Batch {
    std::string bytes;
    std::vector<std::string_view> users, items;
  };
  void flush();

  InteractionTraits traits_;
  KeyTable user_keys_, item_keys_;
  Batch batch_;
  std::future<Batch>
      interning_;  // Of the batch before, given back empty. Ends first: keep it last.
};

}  // namespace seqsweep
