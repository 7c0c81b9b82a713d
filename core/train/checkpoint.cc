#include "core/train/checkpoint.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <string>
#include <string_view>
#include <system_error>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/log.h"
#include "core/train/checkpoint_record.h"

namespace seqsweep {
namespace {

namespace fs = std::filesystem;

constexpr size_t kKept = 2;
constexpr std::string_view kPrefix = "step-";
constexpr const char* kTensors = ".safetensors";
constexpr const char* kScalars = ".json";

// The step of "step-000000123.json", when the name ends in `extension`.
std::optional<int64_t> step_in(const std::string& name, std::string_view extension) {
  if (!name.starts_with(kPrefix) || !name.ends_with(extension)) return std::nullopt;
  int64_t step = 0;
  const char* end = name.data() + name.size() - extension.size();
  const auto [stop, error] = std::from_chars(name.data() + kPrefix.size(), end, step);
  if (error != std::errc() || stop != end || step < 0) return std::nullopt;
  return step;
}

// A file that cannot be removed does no harm: the newest intact checkpoint counts.
void try_to_remove(const fs::path& path) {
  std::error_code ignored;
  fs::remove(path, ignored);
}

}  // namespace

fs::path CheckpointStore::file(int64_t step, const char* extension) const {
  return folder_ / fmt::format("{}{:09}{}", kPrefix, step, extension);
}

std::vector<int64_t> CheckpointStore::steps() const {
  std::vector<int64_t> found;
  std::error_code no_folder;
  for (const auto& entry : fs::directory_iterator(folder_, no_folder)) {
    if (const auto step = step_in(entry.path().filename().string(), kScalars)) {
      found.push_back(*step);
    }
  }
  std::sort(found.begin(), found.end(), std::greater<>());
  return found;
}

void CheckpointStore::save(const Checkpoint& checkpoint) const {
  const CheckpointRecord record{
      .step = checkpoint.step,
      .tensors_sha256 = save_tensors(file(checkpoint.step, kTensors), checkpoint.tensors),
      .scalars = checkpoint.scalars};
  write_file_atomic(file(checkpoint.step, kScalars), to_text(record));

  const std::vector<int64_t> all = steps();
  for (size_t i = kKept; i < all.size(); ++i) {
    try_to_remove(file(all[i], kScalars));
    try_to_remove(file(all[i], kTensors));
  }
}

Checkpoint CheckpointStore::read(int64_t step) const {
  const fs::path scalars = file(step, kScalars), tensors = file(step, kTensors);
  const CheckpointRecord record = parse_checkpoint_record(read_file(scalars), scalars.string());
  if (record.step != step) throw_input("{}: was written for another step", scalars.string());
  if (record.tensors_sha256 != sha256_of_file(tensors)) {
    throw_input("{}: its checksum does not fit", tensors.string());
  }
  return {.step = step, .tensors = load_tensors(tensors), .scalars = record.scalars};
}

std::optional<Checkpoint> CheckpointStore::load_newest() const {
  remove_leftovers();
  for (const int64_t step : steps()) {
    try {
      return read(step);
    } catch (const Error& error) {
      if (error.fault() != Fault::Input) throw;  // The disk failed, not the file.
      log_warning("checkpoint of step {} is set aside: {}", step, error.what());
      set_aside(step);
    }
  }
  return std::nullopt;
}

Checkpoint CheckpointStore::load(int64_t step) const {
  try {
    return read(step);
  } catch (const Error& error) {
    throw_world("checkpoint of step {}, which another rank read, cannot be read here: {}", step,
                error.what());
  }
}

void CheckpointStore::set_aside(int64_t step) const {
  for (const char* extension : {kScalars, kTensors}) {
    const fs::path path = file(step, extension);
    std::error_code error;
    fs::rename(path, path.string() + ".damaged", error);
    if (error && error != std::errc::no_such_file_or_directory) {
      throw_world("{}: cannot set it aside: {}", path.string(), error.message());
    }
  }
}

void CheckpointStore::remove_leftovers() const {
  std::vector<fs::path> leftovers;
  std::error_code no_folder;
  for (const auto& entry : fs::directory_iterator(folder_, no_folder)) {
    const std::string name = entry.path().filename().string();
    const auto step = step_in(name, kTensors);
    const bool without_scalars = step && !fs::exists(file(*step, kScalars));
    const bool temporary = name.starts_with(kPrefix) && name.ends_with(".tmp");
    if (temporary || without_scalars) leftovers.push_back(entry.path());
  }
  for (const fs::path& path : leftovers) try_to_remove(path);
}

}  // namespace seqsweep
