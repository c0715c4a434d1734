// What a diagnosis has finished, kept in its folder until all of it is done (docs/running.md).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "data/simulate/simulate_to_file.hpp"
#include "diagnose/finding.hpp"
#include "experiment/kept_work.hpp"

namespace fluxsbi::evidence {

/// The folder of a diagnosis, made where it is missing. One to which nothing was written goes with the
/// object.
class DiagnosisFolder {
 public:
  /// Throws UserError for a folder that cannot be made or written to.
  explicit DiagnosisFolder(std::string folder);
  ~DiagnosisFolder();
  DiagnosisFolder(const DiagnosisFolder&) = delete;
  DiagnosisFolder& operator=(const DiagnosisFolder&) = delete;

 private:
  std::string folder_;
};

/// Draws, log-densities and findings go into FOLDER/unfinished.partial. The same command goes on from there
/// after a kill and finds the same numbers; for another model, other pairs or other options it begins anew.
class KeptDiagnosis {
 public:
  /// `work` is all that decides the findings. Throws UserError where another process diagnoses into this
  /// folder.
  KeptDiagnosis(sample::Posterior& posterior, std::string folder, const experiment::WorkDescription& work);

  /// True where an earlier command had begun this work.
  bool resumed() const { return resumed_; }
  /// The findings of a test as they were kept, or else what `make` returns, which is kept.
  std::vector<diagnose::Finding> findings(const std::string& test,
                                          const std::function<std::vector<diagnose::Finding>()>& make);
  /// What `work()` returns. Where a signal stops it, throws core::Stopped, which says that the same command
  /// goes on.
  template <class Work>
  auto run(const Work& work) {
    try {
      return work();
    } catch (const core::Interrupted& interrupted) {
      stop(interrupted);
    }
  }
  /// All is written: what was kept goes.
  void finish();

 private:
  [[noreturn]] void stop(const core::Interrupted& interrupted);

  std::string folder_;
  experiment::KeptWork kept_;
  bool resumed_ = false;
};

/// As data::simulate_to_file, but for simulations that an unfinished diagnosis made by the same simulator and
/// left at request.output: nothing is returned for those. `config`: the file that names the simulator, a
/// change of which makes others of them.
std::optional<data::SimulateOutcome> simulate_once(const data::SimulateRequest& request,
                                                   const std::string& config);
/// The work that needed them is done: simulate_once makes those of this folder again from here on.
void forget_simulations(const std::string& folder);

}  // namespace fluxsbi::evidence
