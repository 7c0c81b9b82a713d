#include "core/train/tensor_file.h"

#include <array>
#include <cstring>
#include <memory>

#include "core/base/check.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/text/safetensors.h"

namespace seqsweep {
namespace {

constexpr std::array<std::pair<torch::ScalarType, const char*>, 9> kDtypes = {{
    {torch::kFloat32, "F32"},
    {torch::kFloat64, "F64"},
    {torch::kFloat16, "F16"},
    {torch::kBFloat16, "BF16"},
    {torch::kInt64, "I64"},
    {torch::kInt32, "I32"},
    {torch::kInt8, "I8"},
    {torch::kUInt8, "U8"},
    {torch::kBool, "BOOL"},
}};

const char* format_name(torch::ScalarType type) {
  for (const auto& [torch_type, name] : kDtypes) {
    if (torch_type == type) return name;
  }
  throw_run("a tensor of type {} cannot be saved: safetensors has no such dtype",
            c10::toString(type));
}

torch::Tensor as_torch(const TensorBytes& tensor, const std::shared_ptr<SafetensorsFile>& file,
                       const std::filesystem::path& path) {
  for (const auto& [type, name] : kDtypes) {
    if (tensor.dtype != name) continue;
    const auto address = reinterpret_cast<uintptr_t>(tensor.bytes.data());
    if (tensor.bytes.empty() || address % dtype_size(tensor.dtype) != 0) {
      torch::Tensor copy = torch::empty(tensor.shape, type);
      std::memcpy(copy.data_ptr(), tensor.bytes.data(), tensor.bytes.size());
      return copy;
    }
    return torch::from_blob(
        const_cast<std::byte*>(tensor.bytes.data()), tensor.shape, [file](void*) {}, type);
  }
  throw_input("{}: tensor '{}' has dtype {}, which is not supported", printable(path.string()),
              printable(tensor.name), tensor.dtype);
}

}  // namespace

std::string save_tensors(const std::filesystem::path& path, const NamedTensors& tensors,
                         const std::map<std::string, std::string>& metadata) {
  std::vector<torch::Tensor> on_host;  // Holds the bytes while they are written.
  std::vector<TensorBytes> bytes;
  for (const auto& [name, tensor] : tensors) {
    on_host.push_back(tensor.detach().cpu().contiguous());
    const torch::Tensor& host = on_host.back();
    bytes.push_back({.name = name,
                     .dtype = format_name(host.scalar_type()),
                     .shape = host.sizes().vec(),
                     .bytes = {static_cast<const std::byte*>(host.data_ptr()), host.nbytes()}});
  }
  return write_safetensors(path, std::move(bytes), metadata);
}

NamedTensors load_tensors(const std::filesystem::path& path) {
  const auto file = std::make_shared<SafetensorsFile>(path);
  NamedTensors tensors;
  for (const TensorBytes& tensor : file->tensors()) {
    tensors.emplace_back(tensor.name, as_torch(tensor, file, path));
  }
  return tensors;
}

void copy_tensors(const NamedTensors& from, const NamedTensors& into, const std::string& who) {
  const torch::NoGradGuard no_grad;
  std::map<std::string, torch::Tensor> sources(from.begin(), from.end());
  for (const auto& [name, target] : into) {
    const auto source = sources.find(name);
    if (source == sources.end()) throw_input("{}: has no tensor '{}'", who, printable(name));
    if (source->second.sizes() != target.sizes() ||
        source->second.scalar_type() != target.scalar_type()) {
      throw_input("{}: tensor '{}' is {} {}, needed is {} {}", who, printable(name),
                  c10::toString(source->second.scalar_type()), c10::str(source->second.sizes()),
                  c10::toString(target.scalar_type()), c10::str(target.sizes()));
    }
  }
  if (sources.size() != into.size()) {
    throw_input("{}: has {} tensors, needed are {}", who, sources.size(), into.size());
  }
  for (const auto& [name, target] : into) torch::Tensor(target).copy_(sources.at(name));
}

}  // namespace seqsweep
