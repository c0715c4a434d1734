// Numbers that belong to the draws of a file of samples, from another file.
#pragma once

#include <string>
#include <vector>

#include "diagnose/samples.hpp"
#include "io/array.hpp"

namespace fluxsbi::diagnose {

/// The array of the first of `keys` that the file holds (of text, that column), else its only array. Throws
/// UserError, naming `option`, where there is none.
io::Array load_one_of(const std::string& path, const std::vector<std::string>& keys,
                      const std::string& option);

/// A number for each draw of `samples`, filled or not, in the file's order: [rows, draws], [rows draws] or,
/// for one observation, [draws]. Throws UserError for another shape; `remedy` ends its message.
std::vector<double> load_draw_numbers(const std::string& path, const std::vector<std::string>& keys,
                                      const SampleFile& samples, const std::string& option,
                                      const std::string& remedy);

/// `log_prob` of each draw, as `fluxsbi log-prob --theta SAMPLES` writes it.
std::vector<double> load_log_prob(const std::string& path, const SampleFile& samples);

}  // namespace fluxsbi::diagnose
