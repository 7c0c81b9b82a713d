// Recommendations for one history at a time on a GPU. Each takes dozens of small kernels, and
// launching them one by one costs more than running them: so the whole way from the items to the
// list is recorded as a CUDA graph, one for each length rounded up, and replayed. One thread at a
// time.
#pragma once

#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "core/train/model.h"
#include "kernels/catalogue_ranking.h"

namespace seqsweep {

class GraphedLists {
 public:
  // `model` lives longer, on a GPU; it is in evaluation mode whenever best() is called.
  GraphedLists(SequenceModel& model, int64_t max_length);
  ~GraphedLists();

  // Whether best() makes lists of so many items.
  static bool can_list(int64_t count);

  // The best `count` items after the last `max_length` items of a history: the list that
  // best_in_catalogue() makes of encode_last(). The history has an item, and items of the catalogue
  // only. Throws Error (Fault::Run) when an item scores NaN.
  std::vector<ScoredItem> best(History history, int64_t count);

 private:
  struct Recorded;
  std::unique_ptr<Recorded> record(int64_t tokens, int64_t count);
  void forget_if_moved(const torch::Tensor& embedding_VD);

  SequenceModel& model_;
  int64_t max_length_;
  torch::Tensor embedding_;  // As the graphs know it; held, so that no other takes its place.
  std::map<std::pair<int64_t, int64_t>, std::unique_ptr<Recorded>> recorded_;  // Tokens, count.
};

}  // namespace seqsweep
