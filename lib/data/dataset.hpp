// Pairs (theta, x) to train on.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/data_options.hpp"
#include "data/prior/prior.hpp"
#include "data/shape.hpp"

namespace fluxsbi::data {

/// Rows of theta and x as float32, in memory. Row i: theta [theta_dim * theta_channels], x [x_dim *
/// x_channels]. Data without x have x_dim 0 and theta's channels.
struct Dataset {
  DataShape shape;
  int64_t rows = 0;
  std::vector<float> theta;  ///< [rows, theta_dim, theta_channels]
  std::vector<float> x;      ///< [rows, x_dim, x_channels]
  std::vector<std::string> theta_names, x_names;
  PriorOptions prior;   ///< a task's own prior; kind "none" for files
  std::string source;   ///< for the log: "task two_moons, 100000 simulations" or the file
  int64_t dropped = 0;  ///< rows that data.nan = drop removed
};

/// Loads or simulates what `options` names. `seed` is the seed of simulations.
/// Throws UserError: missing file or key, wrong rank, theta and x of different length, NaN rows (count and
/// first row), empty data, both or none of file and task, names of another length.
Dataset load_dataset(const DataOptions& options, uint64_t seed);

/// The shape that load_dataset would find. It reads files but simulates nothing. Throws UserError as it does
/// for a source that is missing, unreadable or of another rank.
DataShape dataset_shape(const DataOptions& options);

}  // namespace fluxsbi::data
