// Checkpoints of one run in its folder: step-000000123.safetensors holds the tensors,
// step-000000123.json all other state with the SHA-256 of both. The JSON is written last, so it
// exists only when the checkpoint is whole. A damaged checkpoint never gives a wrong result: it is
// set aside and the one before it is used.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "core/base/config.h"
#include "core/train/tensor_file.h"

namespace seqsweep {

struct Checkpoint {
  int64_t step = 0;
  NamedTensors tensors;  // On the host and read-only when loaded.
  Json scalars;
};

class CheckpointStore {
 public:
  explicit CheckpointStore(std::filesystem::path folder) : folder_(std::move(folder)) {}

  // Keeps the newest two. Throws Error (Fault::World) when the disk is full; the older checkpoints
  // stay intact.
  void save(const Checkpoint& checkpoint) const;

  // The newest that is intact; nothing when there is none. Renames damaged ones to *.damaged with a
  // warning, and removes what an interrupted save left. For the rank that saves.
  std::optional<Checkpoint> load_newest() const;

  // The one of a step, for the other ranks. Throws Error (Fault::World) when it is damaged.
  Checkpoint load(int64_t step) const;

  const std::filesystem::path& folder() const { return folder_; }

 private:
  std::filesystem::path file(int64_t step, const char* extension) const;
  std::vector<int64_t> steps() const;  // Of those that have a JSON file, newest first.
  Checkpoint read(int64_t step) const;
  void set_aside(int64_t step) const;
  void remove_leftovers() const;

  std::filesystem::path folder_;
};

}  // namespace seqsweep
