// Which seqsweep this is; stored with every run.
#pragma once

namespace seqsweep {

const char* version();  // "0.1.0"
const char*
git_commit();  // "1a2b3c4d5e6f", with "+" when the tree was changed; "unknown" outside git

}  // namespace seqsweep
