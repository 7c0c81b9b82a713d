// The sequences that a run reads: every user's items in time order, titles, ratings, timestamps.
// Backed by a cache file opened with mmap, so that many ranks of a host share its pages. Immutable:
// any thread may read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace seqsweep {

// Leave-one-out: the last item of a user is the test target, the one before the validation target,
// what is before trains.
enum class Split { Train, Validation, Test };
const char* split_name(Split split);  // "train", "validation", "test"

using History = std::span<const int32_t>;  // Item ids, oldest first.

class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual const std::string& name() const = 0;
  virtual int64_t users() const = 0;  // U; every user has at least 3 interactions.
  virtual int64_t items() const = 0;  // V; item ids are 0 .. V-1.
  virtual int64_t interactions() const = 0;
  virtual int64_t max_length() const = 0;  // L: a model sees at most the last L items.

  virtual History sequence(int64_t user) const = 0;                     // All interactions.
  virtual std::span<const float> ratings(int64_t user) const = 0;       // Empty: the data has none.
  virtual std::span<const int64_t> timestamps(int64_t user) const = 0;  // Unix seconds, or empty.
  virtual std::string_view title(int64_t item) const = 0;               // "" when unknown.
  virtual std::string_view item_key(int64_t item) const = 0;            // The raw id.
  virtual std::string_view user_key(int64_t user) const = 0;

  // What is known before the split's target: for Train all but the last two items.
  History history(int64_t user, Split split) const {
    const History all = sequence(user);
    return all.first(all.size() - (split == Split::Test ? 1 : 2));
  }
  // The item to predict; Validation or Test.
  int32_t target(int64_t user, Split split) const {
    const History all = sequence(user);
    return all[all.size() - (split == Split::Test ? 1 : 2)];
  }
};

}  // namespace seqsweep
