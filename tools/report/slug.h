// Names of data sets and models as parts of file names.
#pragma once

#include <set>
#include <string>

namespace seqsweep {

// The name as part of a file name, whatever it holds, and unlike those taken; takes it.
std::string make_slug(const std::string& name, std::set<std::string>& taken);

}  // namespace seqsweep
