// Built-in simulators with known answers: tasks of the SBI benchmark (Lueckmann et al. 2021, arXiv
// 2101.04653), and a series, an image and a set as examples for embedding networks. A task is one file pair
// in this folder and one row in registry.cpp.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/philox.hpp"
#include "data/prior/prior.hpp"
#include "data/shape.hpp"
#include "data/transform_choice.hpp"

namespace fluxsbi::data {

/// Rejected tries of one posterior draw after which an observation counts as impossible under the prior.
inline constexpr int64_t max_posterior_tries = 10'000'000;

/// Writes one draw from a posterior, theta [theta_dim].
using PosteriorDraw = std::function<void(core::Philox& random, std::span<double> theta)>;

/// How a task needs its data prepared, in the words of the `data` section; automatic: it has no need.
struct DataNeeds {
  Standardise standardise_x = Standardise::automatic;
  ConstantColumns constant = ConstantColumns::automatic;
  TransformWord transform_theta = TransformWord::automatic;
  TransformWord transform_x = TransformWord::automatic;
};

class Task {
 public:
  virtual ~Task() = default;
  virtual std::string_view name() const = 0;
  virtual std::string_view summary() const = 0;
  virtual int64_t theta_dim() const = 0;
  /// Values of a row of x.
  virtual int64_t x_dim() const = 0;
  /// A row of x in files: [x_dim], [length, channels], [height, width, channels] or [elements, channels].
  virtual std::vector<int64_t> x_shape() const { return {x_dim()}; }
  /// True if x is a set whose absent elements are NaN.
  virtual bool padded() const { return false; }
  virtual const Prior& prior() const = 0;
  /// What the options data.* mean for this task where they are `auto`.
  virtual DataNeeds data_needs() const { return {}; }

  /// One simulation: theta [theta_dim] in, x [x_dim] out.
  virtual void simulate(std::span<const double> theta, core::Philox& random, std::span<double> x) const = 0;
  /// log p(x | theta), exact but for terms without theta where a task says so; -infinity where impossible.
  virtual double log_likelihood(std::span<const double> theta, std::span<const double> x) const = 0;
  /// True if sample_posterior draws exactly from p(theta | x).
  virtual bool has_exact_posterior() const { return false; }
  /// One exact draw, theta [theta_dim]. Throws UserError after max_posterior_tries rejected tries (x
  /// impossible under the prior), and for a task without an exact posterior.
  virtual void sample_posterior(std::span<const double> x, core::Philox& random,
                                std::span<double> theta) const;
  /// Exact draws for one observation, with the work done once that all of them share. A task with an exact
  /// posterior overrides this or sample_posterior; each is made of the other.
  virtual PosteriorDraw posterior(std::span<const double> x) const;

  DataShape shape() const;
  /// "x = (50, 0)", for messages.
  static std::string observation_text(std::span<const double> x);

 protected:
  /// The undirected dependency graph of the tokens of theta and x, as DataShape::edges. Default: everything
  /// depends on everything.
  virtual std::vector<std::string> edges(size_t tokens) const;
  /// The graph of data that depend on all parameters and not on each other, those of the numbers `idle` on
  /// nothing.
  std::vector<std::string> edges_of_parameters(size_t tokens, std::span<const size_t> idle) const;
  /// Throws the UserError of an observation that the prior cannot make.
  [[noreturn]] void fail_posterior(std::span<const double> x) const;
};

/// Exact posterior draws [draws, theta_dim] for one observation x [x_dim]; draw i depends on (seed, i) alone.
/// Throws as Task::sample_posterior.
std::vector<float> sample_exact_posterior(const Task& task, std::span<const float> x, int64_t draws,
                                          uint64_t seed);

struct TaskRow {
  std::string_view name;
  std::unique_ptr<Task> (*make)();
};

/// All tasks: the benchmark's, then the examples for embedding networks.
std::span<const TaskRow> tasks();

/// Throws UserError with the nearest name for an unknown one.
std::unique_ptr<Task> make_task(const std::string& name);

}  // namespace fluxsbi::data
