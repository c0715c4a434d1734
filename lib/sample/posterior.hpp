// A trained posterior estimator that is ready to draw from.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "data/look/reference.hpp"
#include "data/prior/prior.hpp"
#include "data/regression.hpp"
#include "data/shape.hpp"
#include "data/standardise.hpp"
#include "engine/engine.hpp"
#include "method/condition_mask.hpp"
#include "method/method.hpp"
#include "sample/density/log_prob.hpp"
#include "sample/density/mode.hpp"
#include "sample/draw.hpp"
#include "sample/joint_condition.hpp"
#include "sample/options.hpp"
#include "sample/together.hpp"

namespace fluxsbi::sample {

class DensityStream;
class MixtureDrawing;
class Posterior;

/// What a posterior is put together from; experiment::open_posterior makes it of a model file.
struct PosteriorContent {
  data::DataShape shape;        ///< of the data
  int64_t most_missing = 0;     ///< values of x that training rows usually lacked at most (shape.missing)
  data::DataShape seen;         ///< of what an embedding network makes of the data; without one the same
  data::Standardiser theta, x;  ///< of [theta_dim theta_channels] and [x_dim x_channels] features
  data::Regression regression = {};  ///< of theta on x; empty: none
  std::vector<std::string> theta_names, x_names;
  data::Reference reference;  ///< of x; empty: nothing to compare observations with
  /// [x_size] The observation that the model was refined for, for which alone it answers; empty: for any.
  std::vector<double> refined_for = {};
  std::unique_ptr<data::Prior> prior;  ///< of theta; null: nothing is known
  method::StrategyOptions strategy;
  std::unique_ptr<method::Method> method;
  method::ConditionMaskOptions condition_mask;  ///< joint models: the questions that were trained
  std::unique_ptr<engine::Engine> engine;       ///< with the weights loaded
  SamplingOptions sampling;
  std::string identity;   ///< see Posterior::identity
  std::string execution;  ///< see Posterior::execution
  /// Of a student: the model that it learned from, of the same variables; null: no student.
  std::shared_ptr<Posterior> teacher = {};
};

class Posterior {
 public:
  explicit Posterior(PosteriorContent content);
  /// An ensemble: the equal mixture of posteriors of the same variables. What is not theirs alone (names,
  /// prior, reference, sampling, identity, ...) is taken from the first. Each member has its own
  /// standardisers.
  explicit Posterior(std::vector<PosteriorContent> members);

  /// From here on `other`, the same model in the same number type on another device, computes chunks beside
  /// this one, whoever asks for samples, densities or modes. Their number changes no bit of a result on
  /// devices of one kind.
  void share_with(Posterior other);
  /// Its devices: this one's, then those of what it shares with.
  std::vector<at::Device> devices() const;

  /// How many models answer: K of an ensemble, else 1.
  int64_t members() const { return std::ssize(members_); }

  /// Of a student (method/student.hpp) the model that it learned from; else null. A student draws samples.
  /// Densities and modes, which are those of a path that is followed in small steps, are its teacher's, and
  /// the log says so at the first of them.
  Posterior* teacher() const;

  /// `draws` samples of theta for each of `rows` observations x [rows, x_dim, x_channels] in the data's
  /// units. The noise of a draw is keyed by (seed, first_row + row, draw, attempt): chunks, shards and order
  /// change nothing beyond float32 rounding of batched products (1e-5 relative seen) and, for adaptive
  /// solvers, what that rounding does to a step's acceptance (their tolerance). `progress` is called after
  /// every chunk. Draw d of an ensemble is of member d mod K, which alone redraws it. Throws UserError for x
  /// that does not fit or is not finite, core::Interrupted when a signal asked to stop.
  Samples sample(std::span<const double> x, int64_t rows, int64_t draws, uint64_t seed, int64_t first_row,
                 const SamplingOptions& options, const Progress& progress = {});

  /// For joint models: `draws` samples of all tokens, theta's and x's, for each of `rows` questions `given`
  /// [rows, L, C] in the data's units, whose NaN are inferred given the others; what is given is repeated in
  /// the samples bit by bit. Noise, chunks and `progress` as above. Throws UserError also for a question that
  /// the model was not trained to answer (condition_mask), and for a model of theta given x.
  Samples sample_given(std::span<const double> given, int64_t rows, int64_t draws, uint64_t seed,
                       int64_t first_row, const SamplingOptions& options, const Progress& progress = {});

  /// What samples are asked given: the values of x, or of any tokens of a joint model.
  enum class Asked { x, given };
  /// Calls work with the drawing of the samples that sample() or sample_given() would draw, for whoever takes
  /// them block by block; amount.chunk is set here. The same blocks give the same samples.
  void with_drawing(Asked asked, std::span<const double> values, Amount amount,
                    const SamplingOptions& options, const std::function<void(MixtureDrawing&)>& work);

  /// The same of samples of theta given all `rows` rows of x together, which are independent given theta
  /// (together.hpp): amount.rows is 1. Throws UserError also for a student, for a model that does not know
  /// its prior, and where guidance is asked for.
  void with_drawing_together(std::span<const double> x, int64_t rows, Amount amount,
                             const TogetherOptions& together, const SamplingOptions& options,
                             const std::function<void(MixtureDrawing&)>& work);

  /// log p(theta | x) of theta [rows, theta_dim, theta_channels] and x [x_rows, x_dim, x_channels], x_rows =
  /// rows, or 1 for all of theta; both in the data's units, in which the density is too (log_prob.hpp says
  /// what is computed). Of `options` it uses solver (auto: dopri5), steps, atol, rtol, max_evaluations,
  /// memory_gb and chunk (network evaluations with gradient at once). An ensemble's is the mean of its
  /// members' densities (mixture.hpp). Throws UserError for what is not finite, for x that does not fit, and
  /// for a solver that is not Runge-Kutta.
  LogProbs log_prob(std::span<const double> theta, int64_t rows, std::span<const double> x, int64_t x_rows,
                    const DivergenceOptions& divergence, const SamplingOptions& options,
                    const Progress& progress = {});

  /// Calls work with what gives log_prob() of points that come block by block, each given one of the x_rows
  /// observations. All arguments must outlive the call.
  void with_densities(std::span<const double> x, int64_t x_rows, const DivergenceOptions& divergence,
                      const SamplingOptions& options, const std::function<void(DensityStream&)>& work);

  /// For joint models: log-density of the tokens that mask [L] leaves 0 given the others, for values
  /// [rows, L, C] of theta and x. Throws UserError also for a question that the model was not trained to
  /// answer, for a given theta outside the prior's support, and for a model of theta given x.
  LogProbs log_prob_given(std::span<const double> values, int64_t rows, const GivenMask& mask,
                          const DivergenceOptions& divergence, const SamplingOptions& options,
                          const Progress& progress = {});

  /// The modes of p(theta | x) of rows of x (mode.hpp), and log_prob there, from samples keyed by `seed`. It
  /// uses the `options` of sampling, and atol, rtol, max_evaluations and memory_gb for the densities.
  Modes find_modes(std::span<const double> x, int64_t rows, uint64_t seed, const ModeOptions& modes,
                   const SamplingOptions& options, const Progress& progress = {});
  /// The same of the rows from `first` on, in groups that are worked on together, whose modes `take` gets
  /// with the number of the group's first row before the next group begins.
  using TakeModes = std::function<void(int64_t first, const Modes& group)>;
  void find_modes_by_group(std::span<const double> x, int64_t rows, int64_t first, uint64_t seed,
                           const ModeOptions& modes, const SamplingOptions& options, const TakeModes& take);

  /// The modes under another prior, from `samples` of the rows, which the new prior need not have; log_prob
  /// is as of sample::find_modes.
  Modes find_modes_under(const PriorRatio& ratio, std::span<const double> x, int64_t rows,
                         const Samples& samples, const ModeOptions& modes, const SamplingOptions& options);

  /// From here on finished chunks of sample, sample_given, log_prob, log_prob_given and find_modes are taken
  /// from and kept in this journal, which was opened for the calls that follow and no others; null: none.
  void keep_in(std::shared_ptr<ChunkJournal> journal);

  /// Samples that one chunk holds under `options` on each of its devices.
  int64_t chunk_size(const SamplingOptions& options) const;

  /// True for a model of the joint distribution of theta and x, which can answer sample_given.
  bool joint() const;
  const data::DataShape& shape() const;
  /// What is known about theta's prior; null: nothing.
  const data::Prior* prior() const;
  const std::vector<std::string>& theta_names() const;
  const std::vector<std::string>& x_names() const;
  /// What observations are compared with; empty for models without x.
  const data::Reference& reference() const;
  /// [x_size] The one observation that it was refined for; empty: none.
  const std::vector<double>& refined_for() const;
  /// Of theta's features, or of those of all tokens that sample_given draws; an ensemble's is its first
  /// member's.
  const data::Standardiser& standardiser(bool all_tokens) const;
  /// The section `sampling` that was saved with the model; the options of a command override it.
  const SamplingOptions& sampling() const;
  /// Eight hexadecimal digits over weights, config and standardisers: equal for equal posteriors.
  const std::string& identity() const;
  engine::Engine& engine();
  /// Which engine runs and why, for the log.
  const std::string& execution() const;
  const method::Method& method() const;
  const method::StrategyOptions& strategy() const;

 private:
  struct Parts;
  Parts& front() const { return *members_.front(); }
  /// The teacher, where this is a student, after a line in the log that it answers for `what`; else null.
  Posterior* teacher_for(const char* what);
  /// The probes of member m have a seed of their own.
  static DivergenceOptions divergence_of_member(const DivergenceOptions& divergence, int64_t m);
  /// Bytes that a chunk may take.
  double chunk_bytes(const SamplingOptions& options) const;
  DensityMemory density_memory(const SamplingOptions& options) const;
  /// The mixture of what `of_member` gives for each of them, with probes of its own.
  LogProbs mixed(const DivergenceOptions& divergence, const Progress& progress,
                 const std::function<LogProbs(size_t member, const DivergenceOptions&, const Progress&)>&
                     of_member) const;
  /// Calls work with the members' sources of draws of theta given rows of x.
  void with_sources(std::span<const double> x, int64_t rows,
                    const std::function<void(std::span<const Source* const>)>& work) const;
  void with_own_sources(std::span<const double> x, int64_t rows,
                        const std::function<void(std::span<const Source* const>)>& work) const;
  struct JointSources;
  /// A member's source of all tokens of a joint model's rows; `room` holds what it refers to.
  const Source& joint_source(size_t member, std::span<const double> given, int64_t rows,
                             JointSources& room) const;
  std::vector<std::shared_ptr<Parts>> members_;
  std::vector<Posterior> beside_;  ///< the same on other devices
  bool said_teacher_ = false;
};

}  // namespace fluxsbi::sample
