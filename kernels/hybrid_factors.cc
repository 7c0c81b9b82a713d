#include "kernels/hybrid_factors.h"

#include <algorithm>
#include <thread>

#include "core/base/random.h"
#include "kernels/hybrid_factors_worker.h"

namespace seqsweep {

namespace {

constexpr int64_t kExactFilterBits = 1 << 28;  // 32 MB
constexpr int64_t kFilterBits = 512;           // A user.
enum FactorPurpose : uint64_t { kUserStart = 1, kItemStart, kFactorOrder, kFactorDraws };

}  // namespace

FeatureRows FeatureRows::identity(int64_t rows) {
  FeatureRows all;
  all.features_in_all = rows;
  for (int32_t row = 0; row < rows; ++row) all.add_row({&row, 1}, 1);
  return all;
}

void FeatureRows::add_row(std::span<const int32_t> row, float weight) {
  features.insert(features.end(), row.begin(), row.end());
  weights.insert(weights.end(), row.size(), weight);
  offsets.push_back(static_cast<int64_t>(features.size()));
}

template <typename T>
HybridFactors<T>::HybridFactors(const FactorSettings& settings, const FactorData& data,
                                uint64_t seed)
    : settings_(settings),
      data_(data),
      seed_(seed),
      padded_((settings.width + 1 + 7) / 8 * 8),
      users_(make_table(data.users.features_in_all, seed_of(seed, kUserStart))),
      items_(make_table(data.items.features_in_all, seed_of(seed, kItemStart))),
      filter_bits_(data.users.rows() * data.items.rows() <= kExactFilterBits ? data.items.rows()
                                                                             : kFilterBits) {
  const FeatureRows& rows = data.items;
  own_items_ = rows.rows() == rows.features_in_all && rows.rows() == std::ssize(rows.features);
  for (int64_t i = 0; i < rows.rows() && own_items_; ++i) {
    own_items_ = rows.offsets[i] == i && rows.features[i] == i && rows.weights[i] == 1;
  }
  std::vector<std::vector<int32_t>> of_users(data.users.rows());
  for (const Interaction& example : data.interactions) {
    if (example.positive) of_users[example.user].push_back(example.item);
  }
  positive_offsets_.push_back(0);
  filter_.resize(data.users.rows() * filter_bits_ / 64 + 1);
  for (std::vector<int32_t>& items : of_users) {
    std::ranges::sort(items);
    for (const int32_t item : items) {
      const int64_t bit = (std::ssize(positive_offsets_) - 1) * filter_bits_ + item % filter_bits_;
      filter_[bit / 64] |= uint64_t{1} << (bit % 64);
    }
    positives_.insert(positives_.end(), items.begin(), items.end());
    positive_offsets_.push_back(std::ssize(positives_));
  }
}

template <typename T>
auto HybridFactors<T>::make_table(int64_t features, uint64_t seed) const -> Table {
  const bool grad = settings_.rates == FactorRates::AdaGrad;
  Table table{.stride = (grad ? 2 : 3) * padded_};
  table.numbers.resize(static_cast<size_t>(features * table.stride));
  Rng rng(seed);
  for (int64_t feature = 0; feature < features; ++feature) {
    T* row = table.row(feature);
    for (int64_t j = 0; j < settings_.width; ++j) {
      row[j] = static_cast<T>((rng.uniform() - 0.5) / static_cast<double>(settings_.width));
    }
    std::fill_n(row + padded_, padded_, T(grad ? 1 : 0));
  }
  return table;
}

template <typename T>
std::span<const int32_t> HybridFactors<T>::positives(int32_t user) const {
  return {positives_.data() + positive_offsets_[user],
          positives_.data() + positive_offsets_[user + 1]};
}

template <typename T>
void HybridFactors<T>::train_epoch(int64_t epoch, int64_t threads) {
  std::vector<Interaction> examples = data_.interactions;
  Rng rng(seed_of(seed_, kFactorOrder, epoch));
  shuffle(std::span(examples), rng);
  const auto part_of_width = [&]<int64_t kPadded>(int64_t thread) {
    Worker<kPadded> worker(*this, seed_of(seed_, kFactorDraws, epoch, thread));
    const int64_t begin = std::ssize(examples) * thread / threads;
    const int64_t end = std::ssize(examples) * (thread + 1) / threads;
    for (int64_t i = begin; i < end; ++i) worker.train(examples[i]);
  };
  const auto part = [&](int64_t thread) {
    switch (padded_) {
      case 16:
        return part_of_width.template operator()<16>(thread);
      case 32:
        return part_of_width.template operator()<32>(thread);
      case 72:
        return part_of_width.template operator()<72>(thread);  // Of width 64.
      default:
        return part_of_width.template operator()<0>(thread);
    }
  };
  std::vector<std::jthread> others;
  for (int64_t thread = 1; thread < threads; ++thread) others.emplace_back(part, thread);
  part(0);
}

template <typename T>
std::vector<T> HybridFactors<T>::user_features() const {
  std::vector<T> all;
  for (int64_t feature = 0; feature < data_.users.features_in_all; ++feature) {
    const T* row = users_.row(feature);
    all.insert(all.end(), row, row + settings_.width + 1);
  }
  return all;
}

template <typename T>
std::vector<T> HybridFactors<T>::items() const {
  std::vector<T> all(static_cast<size_t>(data_.items.rows() * (settings_.width + 1)));
  T* out = all.data();
  for (int64_t item = 0; item < data_.items.rows(); ++item, out += settings_.width + 1) {
    for (int64_t i = data_.items.offsets[item]; i < data_.items.offsets[item + 1]; ++i) {
      const T *row = items_.row(data_.items.features[i]), weight = data_.items.weights[i];
      for (int64_t j = 0; j <= settings_.width; ++j) out[j] += weight * row[j];
    }
  }
  return all;
}

template class HybridFactors<float>;
template class HybridFactors<double>;

}  // namespace seqsweep
