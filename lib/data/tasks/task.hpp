// Built-in simulators with known answers: the tasks of the SBI benchmark (Lueckmann et al. 2021, arXiv
// 2101.04653). A task is one file pair in this folder and one row in registry.cpp.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/philox.hpp"
#include "data/prior.hpp"
#include "data/shape.hpp"

namespace fluxsbi::data {

/// Rejected tries of one posterior draw after which an observation counts as impossible under the prior.
inline constexpr int64_t max_posterior_tries = 10'000'000;

class Task {
 public:
  virtual ~Task() = default;
  virtual std::string_view name() const = 0;
  virtual std::string_view summary() const = 0;
  virtual int64_t theta_dim() const = 0;
  virtual int64_t x_dim() const = 0;
  virtual const Prior& prior() const = 0;

  /// One simulation: theta [theta_dim] in, x [x_dim] out.
  virtual void simulate(std::span<const double> theta, core::Philox& random, std::span<double> x) const = 0;
  /// log p(x | theta), exact; -infinity where impossible.
  virtual double log_likelihood(std::span<const double> theta, std::span<const double> x) const = 0;
  /// True if sample_posterior draws exactly from p(theta | x).
  virtual bool has_exact_posterior() const { return false; }
  /// One exact draw, theta [theta_dim]. Throws UserError after max_posterior_tries rejected tries (x
  /// impossible under the prior), and for a task without an exact posterior.
  virtual void sample_posterior(std::span<const double> x, core::Philox& random,
                                std::span<double> theta) const;

  /// The undirected dependency graph of (theta, x), as DataShape::edges. Default: everything depends on
  /// everything.
  virtual std::vector<std::string> edges() const;

  DataShape shape() const { return {theta_dim(), 1, x_dim(), 1, {}, {}, edges()}; }

 protected:
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

/// All tasks, in the benchmark's order.
std::span<const TaskRow> tasks();

/// Throws UserError with the nearest name for an unknown one.
std::unique_ptr<Task> make_task(const std::string& name);

}  // namespace fluxsbi::data
