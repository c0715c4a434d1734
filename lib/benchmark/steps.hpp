// The commands that make an entry: train, sample, score.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "benchmark/entry.hpp"
#include "benchmark/protocol.hpp"
#include "benchmark/reference.hpp"
#include "benchmark/work.hpp"

namespace fluxsbi::benchmark {

/// What all entries of one call share.
struct Scoring {
  std::string program;  ///< path of fluxsbi
  std::string out;
  Protocol protocol;
  std::optional<ReferenceFolder> reference;
  std::string python;  ///< an interpreter with scikit-learn; empty: no random forest
  int threads = 1;     ///< of the random forest
};

/// Observations with draws of their posterior.
struct ObservationSet {
  std::string name;  ///< "benchmark": the reference folder's; "fresh": of the prior predictive
  std::string x;     ///< file, a row each
  std::vector<std::string> posteriors;  ///< a file each; of several observations: its row of [rows, draws, d]
};

/// What there is for a task: the reference folder's observations, and fresh ones where the task can draw from
/// its posterior. Throws UserError for a reference that is incomplete or does not fit the task.
std::vector<ObservationSet> observation_sets(const Scoring& scoring, const std::string& task);

/// Makes the observations, their exact posteriors and the held-out pairs of a task, in OUT/TASK/scoring.
Work task_work(const Scoring& scoring, const std::string& task);

/// How an entry is trained: a config and what --set changes of it.
struct EntryConfig {
  std::string text;                   ///< YAML
  std::vector<std::string> settings;  ///< "training.nsteps=1000"
};

/// Throws UserError where the entry's folder holds a training by another config, naming the first key that
/// differs.
void require_same_config(const std::string& out, const Entry& entry, const EntryConfig& config);

/// Trains and scores one entry, after `task`, which task_work made. Its folder is Entry::notes.
Work entry_work(const Scoring& scoring, const Entry& entry, const EntryConfig& config,
                std::shared_ptr<const Work> task);

}  // namespace fluxsbi::benchmark
