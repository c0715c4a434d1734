// A look at the data as text: a table for people, JSON for programs.
#pragma once

#include <string>

#include "data/look/look.hpp"

namespace fluxsbi::data {

/// "4000 rows of 2 numbers of theta and 2 of x looked at: 1 warning" and the like, one line.
std::string summary_line(const Look& look);

/// A row for each of the first 20 variables of a side: count, missing, distinct, smallest, median, largest,
/// mean, standard deviation, spread. Lines end with a newline.
std::string variable_table(const Look& look);

/// A JSON object: rows, looked_at, failed, variables (of all facts) and findings. Numbers that are not finite
/// are null.
std::string look_json(const Look& look);

}  // namespace fluxsbi::data
