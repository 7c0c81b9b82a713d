// What a database tells of how long runs take and how much memory.
#pragma once

#include <string>

#include "coordinator/estimator.h"
#include "db/database.h"

namespace seqsweep {

// That has learnt from every run that is done, of any sweep. What it cannot read teaches nothing.
Estimator learnt_estimator(Database& database, DatasetSizes sizes);

}  // namespace seqsweep
