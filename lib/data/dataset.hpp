// Pairs (theta, x) to train on.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "config/table.hpp"
#include "data/prior.hpp"
#include "data/shape.hpp"
#include "data/standardise.hpp"

namespace fluxsbi::data {

/// The `data` section.
struct DataOptions {
  std::optional<std::string> file;  ///< .npz, .h5 with theta and x; .csv; OUT.npy for a pair (load_pair)
  std::optional<std::string> theta_file;  ///< .npy
  std::optional<std::string> x_file;      ///< .npy
  std::optional<std::string> task;        ///< built-in task instead of a file
  int64_t simulations = 100000;           ///< how many pairs a task simulates
  double validation_fraction = 0.05;      ///< of the rows, at most max_validation
  int64_t max_validation = 10000;
  std::string standardise_theta = "per_feature";  ///< per_feature, per_channel, shared, robust, none
  std::string standardise_x = "auto";             ///< auto: see settle
  std::string constant = "auto";                  ///< auto, error, keep
  std::string nan = "error";                      ///< error, drop, pad
  std::vector<std::string> theta_names;           ///< empty: theta_0, theta_1, ...
  std::vector<std::string> x_names;
};
const config::Table<DataOptions>& data_table();
/// The `data.names` section, `theta` and `x`: fills theta_names and x_names of the same struct.
const config::Table<DataOptions>& data_names_table();

/// Puts what it means in place of each `auto`: what the built-in task needs (Task::data_needs), else error
/// for constant and `of_network` for standardise_x. A network that asks for per_channel shares its weights
/// among positions and goes before the task. A task of unknown name is left for load_dataset to refuse.
void settle(DataOptions& options, const std::string& of_network);

/// Rows of theta and x as float32, in memory. Row i: theta [obs_dim * obs_channels], x [cond_dim *
/// cond_channels]. Data without x have cond_dim 0 and theta's channels.
struct Dataset {
  DataShape shape;
  int64_t rows = 0;
  std::vector<float> theta;  ///< [rows, obs_dim, obs_channels]
  std::vector<float> x;      ///< [rows, cond_dim, cond_channels]
  std::vector<std::string> theta_names, x_names;
  PriorOptions prior;   ///< a task's own prior; kind "none" for files
  std::string source;   ///< for the log: "task two_moons, 100000 simulations" or the file
  int64_t dropped = 0;  ///< rows that data.nan = drop removed
};

/// Loads or simulates what `options` names. `seed` is the seed of simulations.
/// Throws UserError: missing file or key, wrong rank, theta and x of different length, NaN rows (count and
/// first row), empty data, both or none of file and task, names of another length.
Dataset load_dataset(const DataOptions& options, uint64_t seed);

/// Row numbers of the training and the validation split: a random split keyed by seed, both sorted.
/// At least one row each. Throws UserError if there are fewer than two rows.
struct Split {
  std::vector<int64_t> training, validation;
};
Split split_rows(int64_t rows, const DataOptions& options, uint64_t seed);

/// Observations to condition on: [rows, cond_dim, cond_channels] from npz (key x), npy, HDF5 (x) or CSV whose
/// header is the model's x names or data_1, data_2, ...; one row may come without the leading axis. Sets
/// (shape.padded) may have fewer elements than cond_dim, the rest of a row becomes NaN. Throws UserError for
/// wrong rank, another number of tokens or channels than `shape`, NaN other than absent elements.
struct Observations {
  int64_t rows = 0;
  std::vector<float> x;
};
Observations load_observations(const std::string& path, const DataShape& shape,
                               const std::vector<std::string>& x_names);

/// Parameters to evaluate a density at: [rows, obs_dim, obs_channels] from npz or HDF5 (key theta), npy or
/// CSV whose header holds the model's theta names or parameter_1, parameter_2, ...; one row may come without
/// the leading axis. Throws UserError for another rank or another number of tokens or channels than `shape`.
struct Parameters {
  int64_t rows = 0;
  std::vector<float> theta;
};
Parameters load_parameters(const std::string& path, const DataShape& shape,
                           const std::vector<std::string>& theta_names);

}  // namespace fluxsbi::data
