// fluxsbi from C++, in plain types: load simulations, train, sample (docs/cpp.md). Installed as
// fluxsbi/fluxsbi.hpp. No LibTorch here, so that a program that includes this compiles in a second.
//
// All functions throw fluxsbi::core::UserError, a std::runtime_error, for what the caller can mend, with a
// sentence that says how. Theta are the parameters, x the data; both are in the simulations' own units.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace fluxsbi {

namespace sample {
class Posterior;
}

/// Pairs of parameters and data that were simulated with them.
struct Simulations {
  int64_t rows = 0;
  std::vector<int64_t> theta_shape, x_shape;  ///< of one row: [variables] or [variables, channels]
  std::vector<double> theta;                  ///< [rows, theta_shape]
  std::vector<double> x;                      ///< [rows, x_shape]
};

/// Reads the arrays theta and x of an .npz or .h5 file.
Simulations load_simulations(const std::string& file);

struct TrainingSettings {
  /// YAML as in docs/config.md, without a source of data. Empty, or without the sections that say what is
  /// trained and how (a prior alone, say): the recipe chooses for the data (docs/recipe.md), and the log
  /// says what and why.
  std::string config;
  /// "section.key=value", over the config; "training.ensemble=4" trains an ensemble, its members one after
  /// another.
  std::vector<std::string> set;
  double minutes = 0;           ///< how long training may take, as `train --minutes`; 0: not limited by you
  bool replace = false;         ///< replace a run that the folder holds
  std::string device = "auto";  ///< auto, cpu, cuda or cuda:i
  std::string engine = "auto";  ///< auto, reference or tile
};

/// Trains to the end on a file of simulations (.npz or .h5 with theta and x, or .csv). The folder `run` then
/// holds model.safetensors, the resolved config, metrics and checkpoints. A program that was killed goes on
/// by resume_training.
void train_posterior(const std::string& simulations, const std::string& run,
                     const TrainingSettings& settings = {});
/// The same on simulations in memory, which are kept as simulations.npz in the run's folder.
void train_posterior(const Simulations& simulations, const std::string& run,
                     const TrainingSettings& settings = {});

/// Goes on with a run where its last checkpoint stood, bit for bit on a CPU. A finished run is left as it is.
void resume_training(const std::string& run);

/// Shows warnings and errors alone; training logs its progress on standard error otherwise.
void log_warnings_only();

/// A trained model that answers with theta given x. Copies share the model.
class Posterior {
 public:
  /// The model of a run folder, or a model file. device: also several GPUs that share the work, cuda:all or
  /// cuda:0,1 (docs/gpu.md).
  explicit Posterior(const std::string& run_or_file, const std::string& device = "auto",
                     const std::string& engine = "auto");

  int64_t members() const;     ///< of an ensemble (training.ensemble); 1 of a single model
  int64_t theta_size() const;  ///< numbers in one theta, over variables and channels
  int64_t x_size() const;      ///< numbers in one x, also those that the model does not see (data.use_x)
  const std::vector<std::string>& theta_names() const;
  const std::vector<std::string>& x_names() const;  ///< of the values that the model sees

  /// `draws` samples of theta for each of the rows of x [rows, x_size]: [rows, draws, theta_size]. A draw
  /// depends on seed, row and draw alone; draw d of an ensemble is of member d mod members(). NaN where the
  /// prior's support could not be met. Logs a warning for rows of x that are unlike the training data, as
  /// log_prob does, and for rows about which an ensemble's members disagree.
  std::vector<double> sample(std::span<const double> x, int64_t draws, uint64_t seed = 0) const;

  /// Natural logarithm of the density of theta [rows, theta_size] given x [rows, x_size], or one x for all:
  /// [rows].
  std::vector<double> log_prob(std::span<const double> theta, std::span<const double> x) const;

  /// A sentence for each row of x [rows, x_size] that is unlike the training data: the network never saw such
  /// data, and its answer is a guess. Empty where all is well, and for models of versions that remember no
  /// data.
  std::vector<std::string> unlike_training(std::span<const double> x) const;

  /// The whole of what it can do; include sample/posterior.hpp, which includes LibTorch.
  sample::Posterior& model() const { return *posterior_; }

 private:
  std::shared_ptr<sample::Posterior> posterior_;
};

}  // namespace fluxsbi
