// Files of log-densities and of posterior modes.
//
// .npz, .h5 and .hdf5 hold
//   log_prob     float64 [rows], of samples [rows, draws]; with Hutchinson's divergence also
//   log_prob_se  float64 of the same shape, the standard error over probes
//   map          [rows, theta_dim] (a last axis of channels where there are several): modes, float32 or,
//                where that is too coarse for the samples from which they were found, float64
//   log_z, log_z_se, effective   float64 [observations], under another prior: the logarithm of the constant
//                by which the density integrates to 1, its standard error, and how many equal draws those are
//                worth that tell it; where these are too few the others are NaN, log_prob, too
//   meta         uint8 [bytes], JSON in UTF-8: model, seed, version, theta_names, x_names and how the
//                densities were computed; under another prior `target`, as in files of samples, `prior`, the
//                section in YAML, and `draws` for each observation
// .csv holds the columns log_prob and log_prob_se, or the modes under theta's names and log_prob; .npy holds
// only log_prob, or only the modes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/array_stream.hpp"
#include "io/partial_file.hpp"
#include "sample/density/log_prob.hpp"
#include "sample/density/mode.hpp"
#include "sample/files/number_type.hpp"

namespace fluxsbi::sample {

/// The prior of densities that are not of the training prior, and the constants of their observations.
struct OtherPriorOrigin {
  std::string target;                              ///< "the posterior under the prior of other.yaml"
  std::string prior;                               ///< its section, in YAML
  int64_t draws = 0;                               ///< of each observation
  std::vector<double> log_z, log_z_se, effective;  ///< [observations]
};

/// Where log-densities come from.
struct DensityOrigin {
  std::string model;          ///< Posterior::identity()
  std::string solver;         ///< of the densities
  double atol = 0, rtol = 0;  ///< adaptive solvers
  int64_t steps = 0;          ///< fixed-step solvers
  DivergenceOptions divergence;
  int64_t draws = 0;               ///< points for each observation where these are samples; 0: a point a row
  uint64_t seed = 0;               ///< of the probes, or of the modes' samples
  std::vector<std::string> given;  ///< the tokens that were given; theta given x: x's
  std::vector<std::string> theta_names, x_names;
  std::optional<OtherPriorOrigin> other_prior = {};
};

/// The extensions that these files may have.
const std::vector<std::string>& density_extensions();

/// Writes log-densities, in the order of their points, into OUT.partial-rows, which becomes OUT by
/// commit(); its memory does not grow with them.
class LogProbWriter {
 public:
  /// `points`: of all that will come. `state`: what state() said in the run that goes on; empty: begins anew.
  /// The extension has been checked. Throws UserError where another process writes the same output.
  LogProbWriter(const std::string& path, int64_t points, DensityOrigin origin, const std::string& state = "");
  ~LogProbWriter();

  /// Whether an earlier run left values beside this output.
  static bool has_begun(const std::string& path);

  void append(const LogProbs& log_probs);
  /// Where the writer stands, for a later run. sync() must have come before it is kept anywhere.
  std::string state() const;
  /// Flushes to disk what was appended, and leaves the file for a later run.
  void sync();
  /// All values were appended.
  void commit();

 private:
  bool errors() const { return !origin_.divergence.exact; }
  std::vector<io::ArrayInfo> arrays() const;

  int64_t points_;
  DensityOrigin origin_;
  bool text_, alone_;  ///< .csv; .npy, which holds log_prob alone
  io::PartialFile file_;
  std::unique_ptr<io::ArrayStream> stream_;  ///< null for text
  uint64_t bytes_ = 0;                       ///< of text
};

/// Writes atomically; the extension has been checked. `channels` of a token; theta_names name the tokens.
void save_modes(const std::string& path, const Modes& modes, int64_t channels, const DensityOrigin& origin,
                NumberType type = NumberType::automatic);

}  // namespace fluxsbi::sample
