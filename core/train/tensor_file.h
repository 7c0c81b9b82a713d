// Torch tensors in a safetensors file.
#pragma once

#include <torch/types.h>

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace seqsweep {

using NamedTensors = std::vector<std::pair<std::string, torch::Tensor>>;

// From any device; returns the file's SHA-256. Throws as write_safetensors().
std::string save_tensors(const std::filesystem::path& path, const NamedTensors& tensors,
                         const std::map<std::string, std::string>& metadata = {});

// On the host, backed by the file: read them or copy them, never write to them. Throws Error
// (Fault::Input) when the file is damaged.
NamedTensors load_tensors(const std::filesystem::path& path);

// Copies each tensor of `from` over the one of the same name in `into`. Throws Error (Fault::Input)
// that starts with `who` unless both hold the same names, dtypes and shapes; `into` is untouched
// then.
void copy_tensors(const NamedTensors& from, const NamedTensors& into, const std::string& who);

}  // namespace seqsweep
