// log p(x | theta), as a built-in task or the user's own program tells it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "config/table.hpp"
#include "data/shape.hpp"

namespace fluxsbi::data {

/// The section `likelihood` of a file that --likelihood names.
struct LikelihoodOptions {
  std::optional<std::string> command;  ///< run through /bin/sh, once for each batch
  int64_t batch = 10000;               ///< rows a run of the command gets
  double timeout_seconds = 0;          ///< of one run of the command; 0: none
};
const config::Table<LikelihoodOptions>& likelihood_table();

class Likelihood {
 public:
  virtual ~Likelihood() = default;
  /// "task slcp", "likelihood.command of mine.yaml"; for messages.
  virtual std::string name() const = 0;
  /// What decides its values.
  virtual std::string text() const { return name(); }
  /// log p(x | theta) of the rows of theta [n, theta_size] and one x [x_size], in the data's units, up to
  /// terms without theta; -infinity where x is impossible. Throws UserError for NaN, +infinity and a command
  /// that fails, core::Interrupted when a signal asked to stop.
  std::vector<double> values(std::span<const double> theta, std::span<const double> x) const;

 private:
  virtual std::vector<double> compute(std::span<const double> theta, std::span<const double> x) const = 0;
};

/// By the name of a task, or of a YAML file with likelihood.command. The command reads rows of theta and x as
/// CSV with a header of these names on standard input, and writes one number for each row. names: of
/// theta's numbers, then of x's; of `theta_size` + x numbers. Throws UserError for an unknown task (with the
/// nearest name), one of other sizes, and a file without the command.
std::unique_ptr<Likelihood> open_likelihood(const std::string& source, const DataShape& shape,
                                            std::vector<std::string> names);

}  // namespace fluxsbi::data
