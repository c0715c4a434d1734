// Names of variables: columns of CSV files, axes of plots, words of messages.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace fluxsbi::data {

/// "theta_0", "theta_1", ... for stem "theta".
std::vector<std::string> default_names(const std::string& stem, int64_t count);

/// `given`, or default_names where it is empty. Throws UserError naming data.names.STEM for another number of
/// names than `count`, and for a name that stands twice.
std::vector<std::string> resolve_names(const std::vector<std::string>& given, const std::string& stem,
                                       int64_t count);

/// Throws UserError where theta and x have a name in common: for one table of both, and for joint models,
/// whose questions name values of both.
void require_no_shared_name(const std::vector<std::string>& theta_names,
                            const std::vector<std::string>& x_names);

/// Names of all features of a row, token by token: the tokens' names themselves for one channel, else
/// "x_3[0]", "x_3[1]", ...
std::vector<std::string> feature_names(std::span<const std::string> tokens, int64_t channels);

/// Whether `name` is one of them.
bool names_hold(std::span<const std::string> names, const std::string& name);

}  // namespace fluxsbi::data
