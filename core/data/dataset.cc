#include "core/data/dataset.h"

namespace seqsweep {

const char* split_name(Split split) {
  switch (split) {
    case Split::Train:
      return "train";
    case Split::Validation:
      return "validation";
    case Split::Test:
      return "test";
  }
  return "";
}

}  // namespace seqsweep
