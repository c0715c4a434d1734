// What an export holds: the draws of a file of samples, and what belongs to them from other files.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "diagnose/samples.hpp"
#include "exchange/numbers.hpp"
#include "io/array.hpp"

namespace fluxsbi::exchange {

/// The files that an export is made of.
struct Sources {
  std::string samples;  ///< a file of samples, or a run folder that holds samples.npz or samples.h5
  std::optional<int64_t> row = {};        ///< one observation of them; none: all
  std::vector<std::string> columns = {};  ///< variables by name or number; none: all
  std::string log_prob = {};              ///< `log_prob` of each draw: [rows, draws] or [draws]
  std::string weights = {};               ///< `weight` of each draw, in the same shapes
  std::string prior = {};       ///< draws of the prior, or a run folder or model, whose prior is drawn from
  std::string predictive = {};  ///< simulations at the draws: `x`, and `theta` to compare with them
  std::string pit = {};  ///< `pit` [pairs, d]; none: of a run folder diagnostics/*.npz where they hold it
};

struct PriorDraws {
  Numbers draws;  ///< [n, variables that the posterior has, too]
  std::vector<std::string> names;
};

/// Ends of a variable's support, infinite where there is none.
struct Bounds {
  double low, high;
};

struct Content {
  std::string source;  ///< the file, with the row where one was chosen
  std::string target;  ///< what the samples are of, where that is not the model's posterior; else ""
  std::vector<int64_t> observations;  ///< their numbers in the file
  bool by_observation = false;        ///< whether the file holds [rows, draws, d]
  std::vector<std::string> names;     ///< [d]
  int64_t draws = 0;                  ///< of each observation
  Numbers samples;                    ///< [observations, draws, d], NaN where a draw is not filled
  std::vector<std::string> given_names;
  Numbers given;  ///< [observations, given_names]: what a joint model was asked with
  std::optional<Numbers> log_prob, weights;  ///< [observations, draws]
  std::string log_prob_target;               ///< what posterior these densities are of, as target
  std::optional<Numbers> x;                  ///< [observations, features ...]
  std::vector<std::string> x_names;          ///< of x's last axis where it has one
  std::optional<PriorDraws> prior;
  std::vector<Bounds> bounds;         ///< [d] where the prior's are known, else empty
  std::optional<Numbers> predictive;  ///< [observations, draws or fewer, features ...]
  std::optional<Numbers> pit;         ///< [pairs, pit_names]
  std::vector<std::string> pit_names;

  int64_t rows() const { return static_cast<int64_t>(observations.size()); }
  int64_t dimensions() const { return static_cast<int64_t>(names.size()); }
};

/// Reads all of it. Of one observation, draws that are not filled or not finite are left out of all arrays (a
/// line says how many); of several, they are NaN. Throws UserError, naming the file: for files that cannot be
/// read or do not fit the samples (other numbers of rows or draws, other names, simulations at other draws,
/// values outside their range), for names that repeat, for observations that infer different variables
/// (naming --row), and where no draw is finite.
Content collect(const Sources& sources);

}  // namespace fluxsbi::exchange
