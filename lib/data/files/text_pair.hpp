// theta and x from one table of text.
#pragma once

#include <string>
#include <vector>

#include "data/files/dataset_file.hpp"

namespace fluxsbi::data {

/// The columns `theta_names` and `x_names` of a text file (io/csv.hpp); without names theta_0, theta_1, ...
/// and x_0, x_1, ... Other columns may hold anything; they are left out with a remark. In a file without
/// names the columns are those of theta, then those of x, of which one at least must be named. Throws
/// UserError for columns that are missing, naming those there are, and for a file without rows.
///
/// Columns `ignore` are left out before all that; numbers may then have gaps. Where theta's names are given
/// beside them and no column is numbered as x, x are all other columns. A name of `ignore` that no column has
/// is an error.
SidePair load_text_pair(const std::string& path, std::vector<std::string> theta_names,
                        std::vector<std::string> x_names, const std::vector<std::string>& ignore = {});

}  // namespace fluxsbi::data
