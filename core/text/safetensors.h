// The safetensors format: a length, a JSON header, the tensors' bytes end to end. Nothing in a file
// is believed before it is checked: a damaged or hostile one gives one clear Error, never a read
// beyond its end. Torch-free.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/files.h"

namespace seqsweep {

// A tensor's bytes, row-major and little-endian, owned by someone else.
struct TensorBytes {
  std::string name;
  std::string dtype;  // "F32", "BF16", "I64", ...
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes;
};

// Bytes of one element; 0: no dtype of the format.
size_t dtype_size(std::string_view dtype);

class SafetensorsFile {
 public:
  // Maps the file and checks all of its header. Throws Error (Fault::Input) that names file and
  // tensor.
  explicit SafetensorsFile(const std::filesystem::path& path);

  const std::vector<TensorBytes>& tensors() const {
    return tensors_;
  }                                                      // In the order of the bytes.
  const TensorBytes* find(std::string_view name) const;  // nullptr when there is none.
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

 private:
  MappedFile file_;
  std::vector<TensorBytes> tensors_;
  std::map<std::string, std::string> metadata_;
};

// Writes the file whole or not at all, and returns its SHA-256. The same tensors give the same
// bytes in whatever order they come: they are laid out by element size, then by name, so that each
// is aligned. Names must differ, and bytes fit dtype and shape. Throws Error (Fault::World) when
// the disk is full.
std::string write_safetensors(const std::filesystem::path& path, std::vector<TensorBytes> tensors,
                              const std::map<std::string, std::string>& metadata = {});

}  // namespace seqsweep
