// What a figure of training compares: one model on one data set, trained in several ways.
#pragma once

#include <string>
#include <vector>

#include "tools/report/results.h"

namespace seqsweep {

struct Variant {
  std::string label;  // What tells it from the other variants: "usgm, diameter=5".
  size_t style = 0;   // The same in every figure of its comparison.
  const ModelResults* results = nullptr;  // Of the DatasetResults given to comparisons().

  std::vector<const ResultRow*> done() const;  // Its runs that are done, by seed.
};

struct Comparison {
  const DatasetResults* dataset = nullptr;
  std::string model;     // As in a sweep file.
  std::string label;     // As people write it.
  std::string settings;  // What tells the model or its objective from others of the name, or "".
  std::vector<Variant> variants;

  std::string title() const;      // "2Mamba4Rec (layers=2) on MovieLens-1M"
  std::string file_part() const;  // "ml-1m_2mamba4rec-layers=2", before it is made a slug.
};

// Rows of the same model and objective are variants of one comparison, whatever else differs.
std::vector<Comparison> comparisons(const DatasetResults& results);

}  // namespace seqsweep
