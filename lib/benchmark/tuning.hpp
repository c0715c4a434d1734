// A search by successive halving as work of many parts.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "benchmark/search.hpp"
#include "benchmark/work.hpp"
#include "sample/files/shard.hpp"

namespace fluxsbi::benchmark {

/// What trials are judged by; the higher the better.
enum class Criterion {
  log_density,     ///< mean log q(theta* | x) of validation rows: compares all models of the same rows
  validation_loss  ///< minus the best validation loss: compares trainings of one method on the same targets
};

struct Tuning {
  std::string program;             ///< path of fluxsbi
  std::string out;                 ///< OUT/trial_01 is a run folder, OUT/trial_01/tune its notes
  std::vector<std::string> train;  ///< words behind `train` that all trials share: config, data, --set
  std::vector<std::vector<std::string>> trials;  ///< settings of each
  std::vector<Rung> rungs;
  Criterion criterion = Criterion::log_density;
  int64_t pairs = 500;  ///< validation rows whose log-density is computed
};

/// OUT/trial_01 for trial 0.
std::string trial_folder(const Tuning& tuning, size_t trial);

/// Trains a trial to the end of a rung and scores it.
Work trial_work(const Tuning& tuning, size_t trial, size_t rung);

struct TrialScore {
  double value = 0;           ///< NaN: not there
  double standard_error = 0;  ///< NaN: unknown
};
/// The score of a trial at the end of a rung. Throws UserError for files that are damaged.
TrialScore trial_score(const Tuning& tuning, size_t trial, size_t rung);

/// Works through all rungs; returns the trials of the last one, the best first. Several processes may do so
/// in one folder: each begins with the trials of its `shard` of a rung, goes on with those that no other has,
/// and waits for the others at the rung's end, so that none depends on one that never starts. Throws
/// core::Stopped when `options.stop` asks for it, and UserError where no trial of a rung could be made.
std::vector<size_t> tune(const Tuning& tuning, WorkOptions options, const sample::Shard& shard = {});

/// A row a trial, the best first: settings, the score at each rung, steps.
std::string tuning_table(const Tuning& tuning);
/// The same as a JSON array.
std::string tuning_json(const Tuning& tuning);

}  // namespace fluxsbi::benchmark
