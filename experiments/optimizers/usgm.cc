// USGM, the Universal Stochastic Gradient Method: paper, Algorithm 1; Rodomanov et al. 2024, arXiv
// 2402.03210. What the paper leaves open is a setting here; the defaults are Algorithm 1 with the
// length of a step bounded, without which the first steps throw the parameters far out.
#include <torch/types.h>

#include <optional>

#include "core/base/error.h"
#include "core/train/optimizer.h"
#include "kernels/usgm_step.h"

namespace seqsweep {
namespace {

enum class Metric { Euclidean, Diagonal };
constexpr std::array<std::pair<Metric, const char*>, 2> enum_names(Metric) {
  return {{{Metric::Euclidean, "euclidean"}, {Metric::Diagonal, "diagonal"}}};
}

enum class Projection { None, Ball };
constexpr std::array<std::pair<Projection, const char*>, 2> enum_names(Projection) {
  return {{{Projection::None, "none"}, {Projection::Ball, "ball"}}};
}

struct UsgmConfig {
  double diameter = 10;
  double lr = 1;
  bool diameter_grows = false;
  double max_step = 0.1;
  Projection projection = Projection::None;
  Metric metric = Metric::Euclidean;
  double beta2 = 0.99, eps = 1e-8;
  double weight_decay = 0;
  std::optional<double> average;
  int64_t look_again_every = 0;
  double batch_power = 0;

  void fields(auto&& field) {
    field("diameter", diameter,
          "D: how far the solution may lie from the start; under noise, what scales the steps",
          above(0));
    field("diameter_grows", diameter_grows,
          "D is the largest distance from the start so far, at least `diameter`, which may then be "
          "far too small");
    field("lr", lr, "bounds the first steps: H_0 = 1/lr, and H never falls", above(0));
    field("max_step", max_step,
          "no step is longer than this part of the diameter, but for weight decay, which shrinks "
          "the parameters by this part at most; 0: the paper's bare form",
          at_least(0));
    field("projection", projection, "ball: steps end within `diameter` of the start");
    field("metric", metric,
          "diagonal: lengths are measured with the roots of mean squared gradients (as Adam does), "
          "scaled to a mean of one");
    field("beta2", beta2, "diagonal metric: decay of the mean of squared gradients",
          between_below(0, 1));
    field("eps", eps, "diagonal metric: added to the root of the squared mean", above(0));
    field("weight_decay", weight_decay,
          "a step also shrinks the parameters by this times its length, by max_step at most",
          at_least(0));
    field("average", average,
          "null: the last parameters are evaluated; p: the mean of all, the k-th weighing k^p",
          at_least(0));
    field("look_again_every", look_again_every,
          "0: H grows by consecutive gradients (the paper's); n: by the gradient of the same "
          "examples before and after every n-th step, which costs a second gradient",
          at_least(0));
    field("batch_power", batch_power,
          "a step of m microbatches is m^p as long; 0: the paper's, 0.5: for growing batches",
          at_least(0));
  }
};

UsgmRule rule_of(const UsgmConfig& config) {
  if (config.projection == Projection::Ball && config.diameter_grows) {
    throw_input(
        "optimizer usgm: a ball that grows with every step holds nothing: leave one of "
        "projection: ball and diameter_grows");
  }
  if (config.projection == Projection::Ball && config.weight_decay > 0) {
    throw_input("optimizer usgm: projection: ball leaves no use for weight_decay; set it to 0");
  }
  return {.diameter = config.diameter,
          .max_step = config.max_step,
          .weight_decay = config.weight_decay,
          .metric_decay = config.beta2,
          .metric_eps = config.eps,
          .average_power = config.average.value_or(0),
          .ball = config.projection == Projection::Ball,
          .grows = config.diameter_grows,
          .looks_again = config.look_again_every > 0};
}

class Usgm : public Optimizer {
 public:
  Usgm(const UsgmConfig& config, Parameters& parameters) : config_(config), rule_(rule_of(config)) {
    const torch::Tensor& values = parameters.values();
    tensors_ = {.values = values,
                .gradients = parameters.gradients(),
                .step = torch::zeros_like(values),
                .scalars = new_usgm_scalars(config.lr, rule_, values.device())};
    if (config.metric == Metric::Diagonal) tensors_.second_moment = torch::zeros_like(values);
    if (rule_.ball || rule_.grows) tensors_.origin = torch::empty_like(values);
    if (config.average) tensors_.average = values.clone();
  }

  void step(int64_t microbatches) override {
    // Not earlier: the ranks of a group agree on their parameters after the optimizer is made.
    if (tensors_.origin.defined() && steps() == 0) tensors_.origin.copy_(tensors_.values);
    UsgmRule rule = rule_;
    rule.step_scale = std::pow(static_cast<double>(microbatches), config_.batch_power);
    usgm_step(tensors_, rule);
    steps_ += 1;
  }

  bool looks_again() const override {
    return config_.look_again_every > 0 && steps() % config_.look_again_every == 0;
  }
  void look_again() override { usgm_look_again(tensors_, rule_); }

  StepReport report() const override {
    const UsgmScalars scalars = read_usgm_scalars(tensors_.scalars);
    return {.learning_rate = scalars.length,
            .h = scalars.h,
            .r = scalars.r,
            .beta = scalars.beta,
            .gradient_square = scalars.square,
            .gradient_overlap = scalars.overlap};
  }

  torch::Tensor averaged() const override {
    return steps() > 0 ? tensors_.average : torch::Tensor();
  }

  NamedTensors state() override {
    NamedTensors state = {
        {"steps", steps_}, {"scalars", tensors_.scalars}, {"step", tensors_.step}};
    if (tensors_.second_moment.defined()) {
      state.emplace_back("second_moment", tensors_.second_moment);
    }
    if (tensors_.origin.defined()) state.emplace_back("origin", tensors_.origin);
    if (tensors_.average.defined()) state.emplace_back("average", tensors_.average);
    return state;
  }

 private:
  int64_t steps() const { return steps_.item<int64_t>(); }

  UsgmConfig config_;
  UsgmRule rule_;
  UsgmTensors tensors_;
  torch::Tensor steps_ = torch::zeros({}, torch::kInt64);  // Done; on the host.
};

std::unique_ptr<Optimizer> make_usgm(const UsgmConfig& config, const OptimizerContext& context) {
  return std::make_unique<Usgm>(config, context.parameters);
}

const RegisterOptimizer<UsgmConfig> kUsgm{
    "usgm",
    "Universal Stochastic Gradient Method (Rodomanov et al. 2024), the paper's Algorithm 1",
    make_usgm,
    {{"reports", {"beta", "gradient_overlap"}}}};

}  // namespace
}  // namespace seqsweep
