// The one rule of all targets.
#pragma once

#include <string_view>

#include "core/base/check.h"
#include "core/base/error.h"
#include "core/base/text.h"

namespace seqsweep {

// True when `read` returns, false when it throws an Error; any other exception gets through. The
// text of an Error goes to terminals and into logs: it may have lines, but no escapes.
template <typename Read>
bool read_or_refuse(Read&& read) {
  try {
    read();
    return true;
  } catch (const Error& error) {
    for (const std::string& line : split(error.what(), '\n')) SEQ_CHECK(printable(line) == line);
    return false;
  }
}

}  // namespace seqsweep
