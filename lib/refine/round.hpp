// One round of a refinement: its folder, and what stands in it when each step is done.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "refine/coverage.hpp"
#include "refine/plan.hpp"
#include "refine/region.hpp"
#include "refine/truncated_draws.hpp"

namespace fluxsbi::refine {

/// Where theta of a round were drawn: how the region before it was narrowed.
struct Narrowing {
  enum class Kind {
    whole_prior,  ///< the first round
    unchanged,    ///< the posterior before it was overconfident, and cuts nothing
    box,          ///< by the box of the posterior's draws alone
    density       ///< by the box and the density threshold
  };
  Kind kind = Kind::whole_prior;
  Bounds bounds;     ///< the box holds all forms of theta
  double share = 1;  ///< of the prior's mass that is left
};

/// What is known of a round that has finished.
struct RoundSummary {
  int64_t simulations = 0;  ///< that the round made, or took from the run
  int64_t failed = 0;       ///< of these
  int64_t rows = 0;         ///< that it trained and validated on, of this round and those before it
  int64_t inside = 0;       ///< of these, in the region
  double validation_loss = 0;
  Coverage coverage;
};

/// The folder OUT/rounds/NUMBER. Each step is done once: its file says so, and is written when it is whole.
///   region.json, theta.npz   where theta lie, and theta (not in the first round)
///   simulations.npz          theta and x
///   training.npz             all rows that succeeded, of this round and those before it
///   config.yaml, ...         the training, a run folder of its own; of a run that is the first round
///                            model.safetensors alone
///   round.json               the summary
class Round {
 public:
  Round(const RefinementPlan& plan, const RefinementRequest& request, int64_t number);

  std::string file(const std::string& name) const { return folder_ + "/" + name; }

  /// Narrows the region by the posterior of the round before, and draws theta from what is left. The first
  /// round has nothing to narrow.
  Narrowing narrow(Region& region, const std::shared_ptr<sample::Posterior>& before, bool overconfident);
  /// Simulates, or copies the rows of the run that is the first round.
  void simulate();
  /// Gathers the rows of all rounds and trains on them to the end. The model of a region remembers the
  /// observation.
  void train(const Region& region);
  /// The round's posterior, of its model file.
  std::shared_ptr<sample::Posterior> posterior() const;
  /// The coverage of its posterior, and all that is to be said of the round.
  RoundSummary judge(const Region& region, sample::Posterior& posterior);
  /// Of a round that has finished.
  std::optional<RoundSummary> finished() const;

 private:
  /// Forms of theta that the training of the round before saw (data.symmetries); empty: theta alone.
  std::vector<data::SignedPermutation> forms_before() const;
  static void apply(const Narrowing& narrowing, const std::shared_ptr<sample::Posterior>& before,
                    const std::vector<data::SignedPermutation>& forms, Region& region);
  bool is_run() const { return number_ == 1 && !plan_.run.empty(); }
  Narrowing draw_theta(Region& region, const std::shared_ptr<sample::Posterior>& before, bool overconfident);
  void take_rows_of_run();
  void gather_rows();
  void train_model(const Region& region);

  const RefinementPlan& plan_;
  const RefinementRequest& request_;
  int64_t number_;
  std::string folder_;
};

}  // namespace fluxsbi::refine
