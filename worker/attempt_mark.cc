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

// Nothing: it cannot be read, a hiccup of the disk perhaps.
std::optional<bool> AttemptMark::is_ours() const {
  std::error_code unknown;
  if (!std::filesystem::exists(file_, unknown) && !unknown) return false;
  try {
    return read_file(file_) == text_;
  } catch (const Error&) {
    return std::nullopt;
  }
}

bool AttemptMark::stands() const {
  return is_ours().value_or(true);  // The next look will tell.
}

void AttemptMark::remove() const {
  std::error_code ignored;
  if (is_ours().value_or(false)) std::filesystem::remove(file_, ignored);
}

}  // namespace seqsweep
