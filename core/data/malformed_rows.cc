#include "core/data/malformed_rows.h"

#include "core/base/error.h"
#include "core/base/log.h"
#include "core/base/text.h"

namespace seqsweep {
namespace {

constexpr size_t kShown = 5;
constexpr size_t kExcerptBytes = 80;

}  // namespace

void MalformedRows::add(int64_t line, std::string_view problem, std::string_view text) {
  ++count_;
  if (first_.size() == kShown) return;
  first_.push_back(fmt::format("{}:{}: {}: '{}'{}", path_.string(), line, problem,
                               printable(text.substr(0, kExcerptBytes)),
                               text.size() > kExcerptBytes ? "..." : ""));
}

void MalformedRows::judge(int64_t rows, double share) const {
  if (rows == 0) throw_input("{}: no rows: the file is empty or has only a header", path_.string());
  if (count_ == 0) return;
  const std::string text =
      fmt::format("{}: {} of {} rows are malformed; the first:\n  {}", path_.string(),
                  human_count(count_), human_count(rows), join(first_, "\n  "));
  if (static_cast<double>(count_) > share * static_cast<double>(rows)) {
    throw_input("{}\nAt most {:.4g} % may be: mend the file, or raise malformed_share", text,
                100 * share);
  }
  for (const std::string& row : first_) log_warning("{}", row);
  log_warning("{}: {} of {} rows are malformed and left out", path_.string(), human_count(count_),
              human_count(rows));
}

}  // namespace seqsweep
