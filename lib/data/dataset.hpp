// Pairs (theta, x) to train on.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/data_options.hpp"
#include "data/prior/prior.hpp"
#include "data/shape.hpp"
#include "data/source/row_source.hpp"

namespace fluxsbi::data {

class SimulationStream;

/// Rows of theta and x. Row i: theta [theta_dim * theta_channels], x [x_dim * x_channels]. Data without x
/// have x_dim 0 and theta's channels.
struct Dataset {
  DataShape shape;
  std::shared_ptr<const RowSource> rows;
  std::vector<std::string> theta_names, x_names;
  PriorOptions prior;   ///< a task's own prior; kind "none" for files
  std::string source;   ///< for the log: "task two_moons, 100000 simulations" or the files
  std::string remarks;  ///< where the rows lie while training, a sentence; empty if there is nothing to say
  /// Not null for simulations that are made while training (open_online): its rows from rows->rows() on
  /// train, and `rows` fit the standardisers and validate.
  std::shared_ptr<SimulationStream> stream = {};
};

/// Opens or simulates what `options` names. A task's simulations, .npz and .csv files lie in memory; .npy and
/// .h5 files do, too, unless their arrays together exceed data.memory_gb: then rows are read when they are
/// wanted. `seed` is the seed of simulations. Values are checked by survey() alone.
/// Throws UserError: missing file or key, wrong rank, theta and x of different length, parts of another shape
/// than the first, empty data, none or more than one source, names of another length.
Dataset open_dataset(const DataOptions& options, uint64_t seed);

/// Adds to a dataset with its shape and rows what `options` say of them: the names of its variables where the
/// files have none, and what NaN in x means. Throws UserError for names of another length.
void complete(Dataset& dataset, const DataOptions& options);

/// The shape that open_dataset would find. It simulates nothing, and reads no values but those of .csv files.
/// Throws UserError as open_dataset does for a source that is missing, unreadable or of another rank.
DataShape dataset_shape(const DataOptions& options);

}  // namespace fluxsbi::data
