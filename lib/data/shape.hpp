// What the data fixes about a network and what a row holds.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fluxsbi::data {

/// Tokens and channels of the two sides: the parameters theta and the data x. (The networks, and GenSBI's
/// files, call what is inferred `obs` and what is conditioned on `cond`; a posterior's are theta and x.)
struct DataShape {
  int64_t theta_dim = 0;
  int64_t theta_channels = 1;
  int64_t x_dim = 0;
  int64_t x_channels = 1;
  /// [rows, columns] where theta came as [n, rows, columns, channels], else empty.
  std::vector<int64_t> theta_grid;
  std::vector<int64_t> x_grid;  ///< the same for x
  /// x is a set or series of up to x_dim elements; one whose channels are all NaN is absent (data.nan: pad)
  bool padded = false;
  /// Which of the tokens [theta, x] depend on each other: L strings of L digits, L = theta_dim + x_dim,
  /// character j of string i '1' where i and j do. Empty if that is not known.
  std::vector<std::string> edges = {};
  bool missing =
      false;  ///< single values of x may be missing (NaN) and the model knows it (data.nan: impute)

  /// Where a model sees some values of x alone (data.use_x): their places among the `x_given` that files and
  /// simulators give, ascending. x_dim is how many it sees. Empty: all.
  std::vector<int64_t> x_places = {};
  int64_t x_given = 0;

  /// the arrays that the model was trained on had their axes in the opposite order (data.transposed)
  bool transposed = false;

  int64_t theta_size() const { return theta_dim * theta_channels; }
  int64_t x_size() const { return x_dim * x_channels; }
  /// True if the model was made for rows of x with NaN in them.
  bool has_gaps() const { return padded || missing; }
};

}  // namespace fluxsbi::data
