#include "worker/kept_memory.h"

#include <limits>

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace seqsweep {

#ifdef __GLIBC__

namespace {

constexpr int kMmapsUsually = 65536, kTrimUsually = 128 << 10;  // As glibc starts.

}  // namespace

KeptMemory::KeptMemory() {
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
}

KeptMemory::~KeptMemory() {
  mallopt(M_MMAP_MAX, kMmapsUsually);
  mallopt(M_TRIM_THRESHOLD, kTrimUsually);
  malloc_trim(0);
}

#else

KeptMemory::KeptMemory() = default;
KeptMemory::~KeptMemory() = default;

#endif

}  // namespace seqsweep
