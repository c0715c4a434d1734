// The parts of a Posterior, for the source files of its functions.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sample/joint_condition.hpp"
#include "sample/posterior.hpp"

namespace fluxsbi::sample {

struct Posterior::Parts : PosteriorContent {
  explicit Parts(PosteriorContent content);

  std::shared_ptr<ChunkJournal> journal;  // of finished chunks; null: none is kept
  std::string who;                        // see Source::who
  bool speaks = true;  // says what concerns the observations; of an ensemble the first member does
  mutable bool warned_of_moved = false;  // values beyond the ends of transforms: said once

  // joint models
  data::Standardiser row;                     // of theta and x
  std::optional<method::ConditionMask> mask;  // the masks that the model was trained with

  int64_t tokens() const { return mask ? shape.theta_dim + shape.x_dim : shape.theta_dim; }
  /// The condition of a joint model's rows. Throws UserError for questions that it was not trained to answer.
  JointCondition condition_of(std::span<const double> given, int64_t rows,
                              std::span<const uint8_t> missing = {}) const;
  /// The source of draws of a joint model's rows under that condition. Both arguments must outlive it.
  Source joint_source(const JointCondition& condition, std::span<const double> given, int64_t kept) const;
  /// Throws UserError for a model that knows no x, and for x that does not fit or is not finite.
  void check_observations(std::span<const double> x, int64_t rows) const;
  /// Throws UserError for rows of x with missing values whose density a joint model does not have: one that
  /// has not learnt to do without them infers them beside theta.
  void require_density(std::span<const double> x) const;
  /// x with what the standardisation takes to 0 where a joint model takes a value for missing.
  std::vector<double> filled(std::span<const double> x) const;
  /// Values [rows, size], theta first, with those that lie beyond an end of the prior's support by float32's
  /// rounding alone put onto it.
  std::vector<double> onto_ends(std::span<const double> values, size_t size) const;
  /// Checks x and calls work with the source of draws of theta given rows of x.
  void with_source(std::span<const double> x, int64_t rows, const std::function<void(Source)>& work) const;

 private:
  Source source() const;
  /// What the engine is conditioned on for rows of standardised x: computed once, not at every evaluation.
  at::Tensor embed(std::vector<float> x, int64_t rows) const;
};

/// What sources of joint models refer to, at places that do not change.
struct Posterior::JointSources {
  std::deque<JointCondition> conditions;
  std::deque<Source> sources;
};

}  // namespace fluxsbi::sample
