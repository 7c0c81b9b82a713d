#include "core/base/version.h"

#include "git_commit.h"  // Written by cmake/GitCommit.cmake at every build.

namespace seqsweep {

const char* version() {
  return SEQSWEEP_VERSION;
}

const char* git_commit() {
  return SEQSWEEP_GIT_COMMIT;
}

}  // namespace seqsweep
