// The arrays that the tests of a posterior read. They know no network: a driver fills them (room evidence).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/look/reference.hpp"

namespace fluxsbi::diagnose {

/// What is asked about one observation.
struct Observation {
  std::string name;           ///< for messages: the file and its row
  std::vector<double> x;      ///< [x_dim], data's units; NaN: not observed
  int64_t draws = 0;          ///< M
  std::vector<double> theta;  ///< [M, theta_dim] draws of the posterior; NaN where none could be filled
  std::vector<double>
      predictive;  ///< [K, x_dim] simulations at draws of the posterior; NaN where they failed; empty: none
  /// [M, theta_dim] from one noise, with the run's steps and with twice as many; nothing is drawn again,
  /// wherever it lies. Empty: none.
  std::vector<double> draws_coarse, draws_fine;
  bool fine_of_teacher = false;  ///< draws_fine are those of a student's teacher, by the teacher's steps
  /// [M] of these draws, log p(x | theta) p(theta) / q(theta | x) up to a constant, -infinity where that is
  /// 0, NaN where a draw is; empty: no likelihood is known.
  std::vector<double> log_weights;
  double effective = 0, pareto_shape = 0;         ///< what these weights are worth (sample::judge_weights)
  int64_t evaluations = 0, evaluations_fine = 0;  ///< of the network, for each draw
  int64_t outside = 0;                            ///< draws beyond the prior's support that were drawn again
};

/// Pairs (theta*, x) of the joint distribution that the model was not trained on, and draws of its posterior
/// for each x. All in the data's units. A test uses what it needs; arrays that nobody asked for are empty.
struct Evidence {
  std::vector<std::string> names;    ///< [theta_dim] of theta, or of what a joint model infers
  std::vector<std::string> x_names;  ///< [x_dim], of what is given
  int64_t pairs = 0;                 ///< N
  int64_t draws = 0;                 ///< L
  std::vector<double> theta;         ///< [N, theta_dim] theta*
  std::vector<double> x;             ///< [N, x_dim]
  std::vector<double> samples;       ///< [N, L, theta_dim]; NaN: could not be filled

  int64_t density_draws = 0;        ///< L': log_samples are of the first L' samples of each pair
  std::vector<double> log_theta;    ///< [N] log q(theta* | x)
  std::vector<double> log_samples;  ///< [N, L'] log q(sample | x)

  std::vector<double> prior;  ///< [P, theta_dim] draws of the prior; where none is known, theta of the pairs
  bool prior_known = false;   ///< `prior` was drawn from the prior that the model was trained with
  std::vector<double> low, high;  ///< [theta_dim] ends of the prior's support, infinite where there are none;
                                  ///< empty: unknown
  std::vector<double> loss_steps,
      losses;                 ///< [n] validation losses of the training and their steps; empty: unknown
  data::Reference reference;  ///< what the model remembers of the training data's x; may be empty
  std::vector<Observation> observations;

  int64_t theta_dim() const { return std::ssize(names); }
  int64_t x_dim() const { return std::ssize(x_names); }
};

}  // namespace fluxsbi::diagnose
