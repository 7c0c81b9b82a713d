#include "worker/attempt_mark.h"

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/base/files.h"

namespace seqsweep {

AttemptMark::AttemptMark(const std::filesystem::path& run_folder, const Ticket& ticket)
    : file_(run_folder / "attempt.txt"),
      text_(
          fmt::format("attempt {} of coordinator {}\n", ticket.attempt, ticket.coordinator_epoch)) {
  write_file_atomic(file_, text_);
}

bool AttemptMark::stands() const {
  std::error_code unknown;
  if (!std::filesystem::exists(file_, unknown) && !unknown) return false;
  try {
    return read_file(file_) == text_;
  } catch (const Error&) {
    return true;  // A hiccup of the disk; the next look will tell.
  }
}

void AttemptMark::remove() const {
  std::error_code ignored;
  if (stands()) std::filesystem::remove(file_, ignored);
}

}  // namespace seqsweep
