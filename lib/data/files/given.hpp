// Questions to a joint model: rows of theta and x in which some values are given and the others are inferred.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/prior/prior.hpp"
#include "data/shape.hpp"

namespace fluxsbi::data {

/// theta and x of a joint model have as many channels, C; L = theta_dim + x_dim tokens, theta's first.
struct Given {
  int64_t rows = 0;
  std::vector<double> values;       ///< [rows, L, C], the data's units; NaN: blank, to be inferred
  std::vector<std::string> absent;  ///< the columns that the file lacks: blank in all rows
};

/// The names of all tokens, theta's first.
std::vector<std::string> joint_names(const std::vector<std::string>& theta_names,
                                     const std::vector<std::string>& x_names);

/// Reads text whose header holds some of the model's names ("x_3[0]", "x_3[1]", ... where there are several
/// channels), in any order. A cell that is empty or says NA or NaN is blank. Or
/// an array file of `given`, or of theta and x, with NaN for blanks (given_cells.hpp). `prior` (may be null)
/// is theta's. Throws UserErrors: columns of unknown names (with the nearest), text that is no number, values
/// that are not finite, tokens with some channels filled and some blank, theta outside the prior's support,
/// rows without a blank, a file without rows.
Given load_given(const std::string& path, const DataShape& shape, const std::vector<std::string>& theta_names,
                 const std::vector<std::string>& x_names, const Prior* prior);

/// One row in which everything is blank: draws of the joint distribution.
Given nothing_given(const DataShape& shape);

}  // namespace fluxsbi::data
