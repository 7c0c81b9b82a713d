// Which machine this is.
#pragma once

#include <string>

namespace seqsweep {

std::string host_name();  // "unknown" when the system does not tell.

}  // namespace seqsweep
