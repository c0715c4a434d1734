// The registry of the tests of a posterior: `fluxsbi diagnose` runs its rows. A test is a file pair in this
// folder and a row in tests.cpp.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "diagnose/evidence.hpp"
#include "diagnose/finding.hpp"

namespace fluxsbi::diagnose {

/// What a test must be given of Evidence, beside names. lc2st also judges the observations, and sharpness
/// also reads log_theta, where these are there.
struct Needs {
  bool pairs = false;        ///< theta, x and samples
  bool densities = false;    ///< log_theta and log_samples
  bool observation = false;  ///< an observation and draws for it
  bool predictive = false;   ///< simulations at these draws
  bool fine = false;         ///< draws with twice as many steps
  bool weights = false;      ///< weights of the draws by a known likelihood
};

struct TestOptions {
  uint64_t seed = 1;                       ///< of ties, permutations, reference points, bands and classifiers
  int threads = 0;                         ///< 0: core::usable_threads(). The result does not depend on it
  double level = 0.01;                     ///< of bands in pictures; verdicts are judge()'s
  bool tarp_reference_from_prior = false;  ///< else uniform in the box of theta
  int64_t permutations = 100;              ///< of labels, in tests whose null is made by them
  /// Called now and then with the part of a test that is done, in [0, 1].
  std::function<void(double part)> progress;
};

struct TestRow {
  std::string_view name;     ///< "sbc"
  std::string_view summary;  ///< one line for --help
  Needs needs;
  /// Throws core::UserError for evidence that it cannot use (too many draws unfilled), core::Interrupted when
  /// a signal asked to stop. Too few pairs are a finding, not an error.
  std::vector<Finding> (*run)(const Evidence& evidence, const TestOptions& options);
};

/// All of them, in the order of their cost.
std::span<const TestRow> tests();

}  // namespace fluxsbi::diagnose
