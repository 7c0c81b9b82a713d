// What tells configs of one kind apart, in few words: two rows of a table about the same model need
// a name each.
#pragma once

#include <string>
#include <vector>

#include "core/base/config.h"

namespace seqsweep {

// A setting's value as people write it: "10" for 10.0.
std::string setting_text(const Json& value);

// A text for each config, in its order: the settings in which the configs differ, and only these:
// "" when there is one config, else such as "usgm, diameter=5, no average". A part that has a
// "name" (an optimizer) is told apart by its name, another one that some lack by being there ("with
// start" for needs.start); their settings are compared only with those of the same parts. Of the
// config's `sections` as few settings are told as tell apart what the others do not. Configs whose
// values differ get different texts.
std::vector<std::string> differences(const std::vector<Json>& configs,
                                     const std::vector<std::string>& sections = {});

}  // namespace seqsweep
