#include "core/text/safetensors.h"
#include "tests/fuzz/targets/memory_file.h"
#include "tests/fuzz/targets/read_or_refuse.h"
#include "tests/fuzz/targets/targets.h"

namespace seqsweep {

bool fuzz_safetensors(Bytes bytes) {
  const MemoryFile file(bytes);
  return read_or_refuse([&] {
    const SafetensorsFile read(file.path());
    unsigned sum = 0;  // Every byte is touched: none may lie outside the file.
    for (const TensorBytes& tensor : read.tensors()) {
      for (const std::byte byte : tensor.bytes) sum += std::to_integer<unsigned>(byte);
      int64_t elements = 1;  // As torch counts them, whose strides must not overflow either.
      for (const int64_t extent : tensor.shape) {
        SEQ_CHECK(extent >= 0);
        SEQ_CHECK(!__builtin_mul_overflow(elements, std::max<int64_t>(extent, 1), &elements));
      }
      SEQ_CHECK(read.find(tensor.name) != nullptr);
    }
    SEQ_CHECK(sum <= 255 * bytes.size());
  });
}

}  // namespace seqsweep
