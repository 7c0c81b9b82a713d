// Tables as GitHub Markdown.
#pragma once

#include <string>
#include <string_view>

#include "tools/report/table.h"

namespace seqsweep {

// The text as Markdown and HTML show it literally, on one line, also in a table.
std::string markdown_escape(std::string_view text);

std::string markdown(const Table& table);

}  // namespace seqsweep
