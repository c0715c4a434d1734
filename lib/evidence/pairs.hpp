// Pairs (theta, x) of the joint distribution that a model was not trained on.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/shape.hpp"

namespace fluxsbi::evidence {

/// Rows in the data's units. NaN in x: a missing value or an absent element, where the model knows them.
struct Pairs {
  int64_t rows = 0;
  std::vector<double> theta;  ///< [rows, theta_size]
  std::vector<double> x;      ///< [rows, x_size]
  std::string source;         ///< for the log: "500 of the 5000 validation rows of runs/moons"
};

/// Where pairs come from, and how many are wanted.
struct PairsRequest {
  std::string model;        ///< run folder or model file
  std::string data;         ///< a file of theta and x; "": none is named
  int64_t simulations = 0;  ///< fresh ones of the run's task or command, instead of rows that are there
  int64_t most = 500;       ///< pairs that are used
  uint64_t seed = 1;        ///< of fresh simulations, which are never those of the training
  std::string folder;       ///< where fresh simulations are kept, as simulations.npz
  /// The model's, by which columns of text are found; the file may also number them (theta_0, x_0, ...).
  std::vector<std::string> theta_names = {}, x_names = {};
};

/// The pairs of the file, or fresh simulations, or else the first validation rows of the run; of an ensemble,
/// none of whose rows is unknown to all members, fresh simulations of its built-in task. Rows that the
/// simulator could not make are left out, and the log counts them. Throws UserError: data or run that are not
/// there, data that changed since the training, another shape than the model's, a run without simulator, no
/// complete row. The message says how else pairs can be given.
Pairs load_pairs(const PairsRequest& request, const data::DataShape& shape);

}  // namespace fluxsbi::evidence
