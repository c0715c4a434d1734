// What the data fixes about a network and what a row holds.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fluxsbi::data {

/// Tokens and channels of the two sides. `obs` is what is inferred (theta), `cond` what is conditioned on
/// (x).
struct DataShape {
  int64_t obs_dim = 0;
  int64_t obs_channels = 1;
  int64_t cond_dim = 0;
  int64_t cond_channels = 1;
  std::vector<int64_t>
      obs_grid;  ///< [rows, columns] where theta came as [n, rows, columns, channels], else empty
  std::vector<int64_t> cond_grid;  ///< likewise for x
  bool padded = false;  ///< x is a set of up to cond_dim elements; one whose channels are all NaN is absent
  /// Which of the tokens [theta, x] depend on each other: L strings of L digits, L = obs_dim + cond_dim,
  /// character j of string i '1' where i and j do. Empty where nobody knows.
  std::vector<std::string> edges = {};

  int64_t obs_size() const { return obs_dim * obs_channels; }
  int64_t cond_size() const { return cond_dim * cond_channels; }
};

}  // namespace fluxsbi::data
