// How what a worker tells becomes rows. Each function is a part of a transaction of RunStore, which
// has checked the ticket.
#pragma once

#include <cstdint>
#include <vector>

#include "core/protocol/message.h"

namespace seqsweep {

class Database;

// Rows of earlier attempts from the first of these steps on are replaced: this attempt resumed
// before them.
void store_steps(Database& database, const Ticket& ticket, const std::vector<StepRow>& rows);

// The same by epoch.
void store_metrics(Database& database, const Ticket& ticket, const std::vector<MetricRow>& rows);

// The lease shows the latest; the attempt keeps where its training began and how far it came.
void renew_lease(Database& database, const Progress& progress, int64_t now_ms);

// All figures of a result. Rows of earlier attempts that went further than it are dropped.
void store_result(Database& database, const Ticket& ticket, const RunResult& result);

}  // namespace seqsweep
