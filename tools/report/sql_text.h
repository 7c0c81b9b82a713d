// Rows of a user's question as text.
#pragma once

#include <string>

#include "db/user_query.h"

namespace seqsweep {

std::string sql_table(const SqlRows& rows);  // Aligned, for a terminal; texts made printable.
std::string sql_csv(const SqlRows& rows);    // Full precision; a BLOB as hexadecimal digits.
std::string sql_json(const SqlRows& rows);   // An array of objects.

}  // namespace seqsweep
