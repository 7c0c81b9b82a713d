// What differs between two runs, behind `seqsweep diff`.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/base/config.h"
#include "db/database.h"

namespace seqsweep {

struct Difference {
  std::string part;         // "config", "environment" or "result"
  std::string key;          // "optimizer.lr"
  std::string left, right;  // "": that side lacks it.
};

// The values of nested objects by dotted keys: {"optimizer.lr": "0.001"}; what is no text, as JSON.
std::map<std::string, std::string> flat_keys(const Json& json, const std::string& prefix = "");

// Of two JSON objects, by dotted key; what is equal is left out.
std::vector<Difference> json_differences(const std::string& part, const Json& left,
                                         const Json& right);

// Of two runs by their full ids: config, environment of the latest attempts, results.
std::vector<Difference> run_differences(Database& database, const std::string& left,
                                        const std::string& right);

}  // namespace seqsweep
