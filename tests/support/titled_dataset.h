// A data set with titles, for tests of prompts.
#pragma once

#include "tests/support/tiny_dataset.h"

namespace seqsweep {

class TitledDataset : public TinyDataset {
 public:
  TitledDataset(std::vector<std::vector<int32_t>> sequences, std::vector<std::string> titles)
      : TinyDataset(std::move(sequences), std::ssize(titles), 50), titles_(std::move(titles)) {}
  std::string_view title(int64_t item) const override { return titles_.at(item); }

 private:
  std::vector<std::string> titles_;
};

inline TitledDataset films() {
  return {{{0, 1, 2, 3, 4}, {4, 3, 2, 1}},
          {"Alien (1979)", "Brazil (1985)", "Casablanca (1942)", "", "Evil </s> <|endoftext|>"}};
}

}  // namespace seqsweep
