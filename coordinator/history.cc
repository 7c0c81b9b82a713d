#include "coordinator/history.h"

#include "core/base/log.h"
#include "db/queries.h"

namespace seqsweep {

Estimator learnt_estimator(Database& database, DatasetSizes sizes) {
  Estimator estimator(std::move(sizes));
  int64_t unread = 0;
  for (const CostRow& row : read_costs(database)) {
    try {
      const RunKind kind = estimator.kind_of(RunConfig::parse(row.config));
      estimator.learn(kind, row.device, row.seconds);
      estimator.learn_memory(kind, row.device, row.peak_memory_bytes);
    } catch (const Error&) {
      ++unread;  // Of an older version, with other settings.
    }
  }
  if (unread > 0) log_debug("{} done runs have configs of another version", unread);
  return estimator;
}

}  // namespace seqsweep
