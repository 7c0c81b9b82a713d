// How equal parts of work are divided among the ranks of a group.
#pragma once

#include <cstdint>

namespace seqsweep {

struct Share {  // [begin, end)
  int64_t begin = 0, end = 0;
};

// Of `count` parts, those of one rank, in order; shares differ by one part at most.
constexpr Share share_of(int64_t count, int rank, int ranks) {
  return {count * rank / ranks, count * (rank + 1) / ranks};
}

}  // namespace seqsweep
