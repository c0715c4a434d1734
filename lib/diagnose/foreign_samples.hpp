// Draws in the files of other programs: ArviZ's netCDF and getdist's chains, which `fluxsbi export` writes,
// too.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "io/files.hpp"

namespace fluxsbi::diagnose {

/// The draws of a group `posterior` whose variables are [chain, draw, ...]: `samples` [chains draws, d] with
/// names, or [observations, draws, d] where the third axis is a coordinate `observation` of several. Further
/// axes are folded into d, as "name[0]". Variables are ordered by name, numbers in it by value. Nothing where
/// there is no such group. Throws UserError for variables with other numbers of draws.
std::optional<io::FileContent> load_inference_data(const std::string& path,
                                                   const std::vector<io::ArrayInfo>& listed);

/// The parameters of a chain ROOT.txt beside ROOT.paramnames: [n, d] with names, without the columns of
/// weight and likelihood. Nothing where there is no such file. Throws UserError for weights that differ, and
/// for another number of columns than names.
std::optional<io::FileContent> load_getdist(const std::string& path);

/// Alphabetical order in which numbers stand by value: a_2 before a_10.
bool natural_less(const std::string& a, const std::string& b);

}  // namespace fluxsbi::diagnose
