// Whether memory that a step frees stays with the process.
#pragma once

namespace seqsweep {

// While it lives, the allocator keeps what large tensors free: each step wants the same again, and
// else the system zeroes new pages every time (docs/benchmarks.md, "Where a step's time goes"). At
// the end what is free goes back. With glibc; elsewhere nothing.
class KeptMemory {
 public:
  KeptMemory();
  ~KeptMemory();
  KeptMemory(const KeptMemory&) = delete;
  KeptMemory& operator=(const KeptMemory&) = delete;
};

}  // namespace seqsweep
