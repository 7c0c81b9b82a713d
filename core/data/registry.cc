#include "core/data/registry.h"

namespace seqsweep {

DatasetRegistry& datasets() {
  static DatasetRegistry registry{"dataset"};
  return registry;
}

}  // namespace seqsweep
