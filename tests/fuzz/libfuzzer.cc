// One of the targets as libFuzzer calls it: SEQSWEEP_FUZZ_TARGET is its function.
#include "tests/fuzz/targets/targets.h"

// NOLINTNEXTLINE: libFuzzer gives the name.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  seqsweep::SEQSWEEP_FUZZ_TARGET({data, size});
  return 0;
}
