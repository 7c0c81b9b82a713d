// Labels of entries: the name alone where it tells, else with the settings that do.
#pragma once

#include <vector>

#include "coordinator/sweep_entries.h"

namespace seqsweep {

// Entries of the same name are told apart by as few of the settings in which they differ as do it.
// What one has and another lacks belongs to a component of another name, and that is told.
void label_datasets(std::vector<Choice>& datasets);

// Also those that other entries bring along: needed runs and a model's own optimizers.
void label_models(std::vector<ModelChoice>& models, std::vector<OptimizerChoice>& optimizers);

}  // namespace seqsweep
