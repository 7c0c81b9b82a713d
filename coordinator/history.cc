#include "coordinator/history.h"

#include "core/base/log.h"
#include "db/queries.h"

namespace seqsweep {

Estimator learnt_estimator(Database& database, DatasetSizes sizes) {
  Estimator estimator(std::move(sizes));
  int64_t unread = 0;
  for (const DurationRow& row : read_durations(database)) {
    try {
      const RunConfig config = RunConfig::parse(row.config);
      estimator.learn(estimator.kind_of(config), row.device, row.seconds);
    } catch (const Error&) {
      ++unread;  // Of an older version, with other settings.
    }
  }
  if (unread > 0) log_debug("{} done runs have configs of another version", unread);
  return estimator;
}

}  // namespace seqsweep
