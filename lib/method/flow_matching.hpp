// Flow matching on straight paths (Lipman et al. 2023, arXiv 2210.02747; Liu et al. 2023, arXiv 2209.03003).
//
// Time: t = 0 is noise, t = 1 is data. With noise x0 ~ N(0, I), data x1 and t in [0, 1],
//   x_t = (1 - t) x0 + t x1,   target u = x1 - x0,
//   loss = mean over rows of the mean over that row's unconditioned elements of (v(t, x_t) - u)^2,
// and samples follow dx/dt = v(t, x) from 0 to 1, or a stochastic equation (path.hpp) with
//   zero_ends     g^2 = t (1 - t),
//   non_singular  g^2 = 1 - t,
// whose score is (t v - x) / (1 - t) (arXiv 2410.02217). Conditioned tokens enter without noise and carry no
// loss. Noise and data of a batch are drawn independently, or paired by optimal transport (coupling.hpp).
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "method/method.hpp"

namespace fluxsbi::method {

/// How the times of training are distributed.
enum class TimeDistribution { uniform, power_law, logit_normal };
std::span<const std::string_view> enum_names(TimeDistribution);

/// Which noise goes with which data of a batch.
enum class Coupling { independent, optimal_transport };
std::span<const std::string_view> enum_names(Coupling);

/// The keys of flow matching in the section `strategy`: how the times of training are distributed, and which
/// noise goes with which data.
struct FlowMatchingOptions {
  TimeDistribution time_distribution = TimeDistribution::power_law;
  double time_alpha = 1;  ///< power_law: > -1; 0 is uniform, above 0 favours the data
  double time_mean = 0;   ///< logit_normal: mean of logit t
  double time_std = 1;    ///< logit_normal: standard deviation of logit t, > 0
  Coupling coupling = Coupling::independent;
  double coupling_condition_weight = 100;  ///< optimal_transport: of the conditions' distance, >= 0
};
const config::Table<FlowMatchingOptions>& flow_matching_table();

/// t = u^(1 / (1 + alpha)) for uniform u [B] in (0, 1): density (1 + alpha) t^alpha (FMPE, arXiv 2305.17161).
at::Tensor power_law_time(const at::Tensor& uniform, double alpha);

/// t = sigmoid(mean + std * z) for standard normal z [B].
at::Tensor logit_normal_time(const at::Tensor& normal, double mean, double std);

class FlowMatching : public Method {
 public:
  explicit FlowMatching(FlowMatchingOptions options) : options_(std::move(options)) {}

  std::string_view name() const override { return "flow"; }
  engine::Regression regression(const Batch& batch, const Noise& noise) const override;
  Coupling coupling() const { return options_.coupling; }
  LevelRange training_levels() const override { return {}; }
  at::Tensor information_weight(const at::Tensor& level, int64_t elements) const override;
  /// The limits of the coupling: it serves no joint models, no large batches and only CPUs.
  std::string problem(const Setting& setting) const override;
  std::unique_ptr<Path> path() const override;
  // 30 evaluations score as well as 100 of Euler (docs/solvers.md); a fixed number keeps the time of a batch
  // known.
  std::string default_solver() const override { return "adams_bashforth"; }
  int64_t default_steps() const override { return 30; }
  double default_spacing() const override { return 2; }

  /// Times of training [B] for uniform numbers [B] in (0, 1).
  at::Tensor times(const at::Tensor& uniform) const;

 private:
  FlowMatchingOptions options_;
};

std::unique_ptr<Spec> make_flow_matching_spec();

}  // namespace fluxsbi::method
