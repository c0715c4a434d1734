// Observations from a file.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/shape.hpp"
#include "io/array.hpp"

namespace fluxsbi::data {

/// Observations to condition on: [rows, x_dim, x_channels] from npz (key x), npy, HDF5 (x) or CSV whose
/// header is the model's x names or data_1, data_2, ...; one row may come without the leading axis. Sets
/// (shape.padded) may have fewer elements than x_dim, the rest of a row becomes NaN. Throws UserError for
/// wrong rank, another number of tokens or channels than `shape`, values that are not finite. NaN is an
/// absent element of a set, and a missing value where `gaps` or the shape allows it. For a model that sees
/// some values of x (shape.x_places) a row holds all values that simulators give, of which these are taken,
/// or these alone.
struct Observations {
  int64_t rows = 0;
  std::vector<double> x;
};
Observations load_observations(const std::string& path, const DataShape& shape,
                               const std::vector<std::string>& x_names, bool gaps = false);

/// The same of an array, which `name` stands for in messages.
Observations observations_of(const io::Array& x, const std::string& name, const DataShape& shape,
                             const std::vector<std::string>& x_names, bool gaps = false);

}  // namespace fluxsbi::data
