// Whose a run's folder is. A trainer may outlive its worker, and then the run may go on elsewhere:
// the younger attempt leaves its mark, and the older one, which finds it, leaves the folder.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "core/protocol/message.h"

namespace seqsweep {

class AttemptMark {
 public:
  // The folder is this attempt's from now on. Throws Error (Fault::World).
  AttemptMark(const std::filesystem::path& run_folder, const Ticket& ticket);

  // False: another attempt has begun, or ended. Reads a small file; where it cannot, it is true.
  bool stands() const;
  void remove() const;  // The run is done.

 private:
  std::optional<bool> is_ours() const;

  const std::filesystem::path file_;
  const std::string text_;
};

}  // namespace seqsweep
