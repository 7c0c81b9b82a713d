// One thread's part of an epoch of hybrid_factors.cc. A bias is handled as one more number of a
// vector. Of a user's it is taken out of the products: the place of an item's bias, D, holds 1
// there, which is also the gradient of that bias.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <type_traits>
#include <vector>

#include "core/base/random.h"
#include "kernels/hybrid_factors.h"
#include "kernels/lanes.h"

namespace seqsweep {

constexpr double kFactorLossMax = 10;  // For numerical stability, as the package has it.
constexpr int32_t kNoFactorItem = -1;

// 1 / sqrt(x) for normal x > 0, to 1e-7: Newton's steps from a guess. Vectorises, unlike std::sqrt,
// which may have to set errno.
inline float inverse_root_of(float x) {
  float y = std::bit_cast<float>(0x5f3759df - (std::bit_cast<int32_t>(x) >> 1));
  for (int step = 0; step < 3; ++step) y = y * (1.5F - 0.5F * x * y * y);
  return y;
}
inline double inverse_root_of(double x) {
  return 1 / std::sqrt(x);
}

// kPadded: the padded width where the compiler is to know it; else 0.
template <typename T>
template <int64_t kPadded>
class HybridFactors<T>::Worker {
 public:
  Worker(HybridFactors& factors, uint64_t seed)
      : all_(factors),
        settings_(factors.settings_),
        width_(factors.settings_.width),
        runtime_padded_(factors.padded_),
        rng_(seed) {
    if constexpr (kPadded == 0) {
      for (Row* row : {&user_, &positive_, &other_, &gradient_, &user_gradient_}) {
        row->resize(padded());
      }
    }
    const int64_t items = all_.data_.items.rows();
    for (int64_t sampled = 1; sampled <= settings_.max_sampled; ++sampled) {
      const double rank = std::max<double>(1, static_cast<double>((items - 1) / sampled));
      warp_loss_.push_back(static_cast<T>(std::min(std::log(rank), kFactorLossMax)));
    }
  }

  void train(const Interaction& example) {
    if (settings_.loss == FactorLoss::Logistic) return logistic(example);
    if (settings_.loss == FactorLoss::KosWarp) return kos_warp(example);
    if (!example.positive) return;
    settings_.loss == FactorLoss::Bpr ? bpr(example) : warp(example);
  }

 private:
  using Row = std::conditional_t<(kPadded > 0), std::array<T, kPadded>, std::vector<T>>;

  void logistic(const Interaction& example) {
    read_user(example);
    read_item(example.item, positive_);
    const T probability = 1 / (1 + std::exp(-(user_bias_ + score(positive_.data()))));
    const T loss = probability - (example.positive ? 1 : 0);
    for (int64_t j = 0; j < padded(); ++j) user_gradient_[j] = loss * positive_[j];
    user_gradient_[width_] = loss;
    update_item(example.item, loss);
    update_user(example, user_gradient_);
  }

  void bpr(const Interaction& example) {
    const auto& interactions = all_.data_.interactions;
    int32_t negative = 0;
    for (size_t draw = 0; draw < interactions.size(); ++draw) {
      negative = interactions[rng_.below(interactions.size())].item;
      if (!is_positive(example.user, negative)) break;
    }
    read_user(example);
    read_item(example.item, positive_);
    read_item(negative, other_);
    const T difference = score(positive_.data()) - score(other_.data());
    update_pair(example, negative, 1 - 1 / (1 + std::exp(-difference)));
  }

  void warp(const Interaction& example) {
    read_user(example);
    read_item(example.item, positive_);
    against_a_violator(example, score(positive_.data()));
  }

  void kos_warp(const Interaction& example) {
    const auto positives = all_.positives(example.user);
    if (positives.empty()) return;
    read_user({example.user, kNoFactorItem});
    drawn_.clear();
    const auto count = std::min<int64_t>(settings_.kos_n, std::ssize(positives));
    for (int64_t i = 0; i < count; ++i) {
      const int32_t item = positives[rng_.below(positives.size())];
      drawn_.push_back({score(item_vector(item, other_)), item});
    }
    std::ranges::stable_sort(drawn_, [](auto& a, auto& b) { return a.first > b.first; });
    warp({example.user, drawn_[std::min(settings_.kos_k, count) - 1].second});
  }

  // user_ and positive_ are read.
  void against_a_violator(const Interaction& example, T reached) {
    const int64_t items = all_.data_.items.rows();
    for (int64_t sampled = 1; sampled <= settings_.max_sampled; ++sampled) {
      const auto negative = static_cast<int32_t>(rng_.below(items));
      if (!(score(item_vector(negative, other_)) > reached - 1)) continue;
      if (is_positive(example.user, negative)) continue;
      read_item(negative, other_);
      return update_pair(example, negative, warp_loss_[sampled - 1]);
    }
  }

  // user_, positive_ and other_ are read.
  void update_pair(const Interaction& example, int32_t negative, T loss) {
#pragma omp simd
    for (int64_t j = 0; j < padded(); ++j) user_gradient_[j] = loss * (other_[j] - positive_[j]);
    user_gradient_[width_] = loss;  // As the package has it; no order of items depends on it.
    update_item(example.item, -loss);
    update_item(negative, loss);
    update_user(example, user_gradient_);
  }

  void update_item(int32_t item, T loss) {
#pragma omp simd
    for (int64_t j = 0; j < padded(); ++j) gradient_[j] = loss * user_[j];
    const FeatureRows& rows = all_.data_.items;
    for (int64_t i = rows.offsets[item]; i < rows.offsets[item + 1]; ++i) {
      update_row(all_.items_.row(rows.features[i]), rows.weights[i], gradient_.data());
    }
  }

  void update_user(const Interaction& example, const Row& gradient) {
    for_user_features(example, [&](int32_t feature, T weight) {
      update_row(all_.users_.row(feature), weight, gradient.data());
    });
  }

  void update_row(T* value, T weight, const T* gradient) const {
    T *square = value + padded(), *change = square + padded();
    if (settings_.rates == FactorRates::AdaGrad) {
      const T rate = static_cast<T>(settings_.learning_rate);
#pragma omp simd
      for (int64_t j = 0; j < padded(); ++j) {
        const T g = weight * gradient[j];
        value[j] -= rate * inverse_root_of(square[j]) * g;
        square[j] += g * g;
      }
      return;
    }
    const T rho = static_cast<T>(settings_.rho), eps = static_cast<T>(settings_.eps);
#pragma omp simd
    for (int64_t j = 0; j < padded(); ++j) {
      const T g = weight * gradient[j];
      square[j] = rho * square[j] + (1 - rho) * g * g;
      const T past = change[j] + eps;
      const T step = past * inverse_root_of(past) * inverse_root_of(square[j] + eps) * g;
      change[j] = rho * change[j] + (1 - rho) * step * step;
      value[j] -= step;
    }
  }

  // What weights of 1 / sqrt(n) become without one of the n.
  static T all_but_one(int64_t n) {
    return std::sqrt(static_cast<T>(n) / static_cast<T>(std::max<int64_t>(n - 1, 1)));
  }

  // visit(feature, weight)
  void for_user_features(const Interaction& example, const auto& visit) const {
    const FeatureRows& rows = all_.data_.users;
    const int64_t begin = rows.offsets[example.user], end = rows.offsets[example.user + 1];
    T scale = 1;
    for (int64_t i = begin; i < end && all_.data_.users_are_histories; ++i) {
      if (rows.features[i] == example.item) scale = all_but_one(end - begin);
    }
    for (int64_t i = begin; i < end; ++i) {
      if (all_.data_.users_are_histories && rows.features[i] == example.item) continue;
      visit(rows.features[i], scale * static_cast<T>(rows.weights[i]));
    }
  }

  void read_user(const Interaction& example) {
    std::ranges::fill(user_, T(0));
    for_user_features(example, [&](int32_t feature, T weight) {
      const T* value = all_.users_.row(feature);
#pragma omp simd
      for (int64_t j = 0; j < padded(); ++j) user_[j] += weight * value[j];
    });
    user_bias_ = user_[width_];
    user_[width_] = 1;
  }

  void read_item(int32_t item, Row& out) const {
    if (all_.own_items_) {
      std::copy_n(all_.items_.row(item), padded(), out.data());
      return;
    }
    std::ranges::fill(out, T(0));
    const FeatureRows& rows = all_.data_.items;
    for (int64_t i = rows.offsets[item]; i < rows.offsets[item + 1]; ++i) {
      const T *value = all_.items_.row(rows.features[i]), weight = rows.weights[i];
#pragma omp simd
      for (int64_t j = 0; j < padded(); ++j) out[j] += weight * value[j];
    }
  }

  const T* item_vector(int32_t item, Row& room) const {
    if (all_.own_items_) return all_.items_.row(item);
    read_item(item, room);
    return room.data();
  }

  // Without the user's bias.
  T score(const T* item) const {
    Lanes<T> sums{};
    for (int64_t j = 0; j < padded(); j += kLanes<T>) {
      sums += load_lanes(user_.data() + j) * load_lanes(item + j);
    }
    T sum = 0;
    for (int64_t lane = 0; lane < kLanes<T>; ++lane) sum += sums[lane];
    return sum;
  }

  bool is_positive(int32_t user, int32_t item) const {
    const int64_t bits = all_.filter_bits_, items = all_.data_.items.rows();
    const int64_t bit = user * bits + (items <= bits ? item : item % bits);
    if ((all_.filter_[bit / 64] >> (bit % 64) & 1) == 0) return false;
    return items <= bits || std::ranges::binary_search(all_.positives(user), item);
  }

  int64_t padded() const {
    return kPadded > 0 ? kPadded : runtime_padded_;
  }

  HybridFactors& all_;
  const FactorSettings& settings_;
  int64_t width_, runtime_padded_;
  Rng rng_;
  Row user_{}, positive_{}, other_{}, gradient_{}, user_gradient_{};
  T user_bias_ = 0;
  std::vector<T> warp_loss_;  // Of a violator that came with draw 1, 2, ...
  std::vector<std::pair<T, int32_t>> drawn_;
};

}  // namespace seqsweep
