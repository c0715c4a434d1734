// Names of variables as other programs can hold them.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace fluxsbi::exchange {

/// The names with each character that `allowed` refuses replaced by _, and with _ behind those that are among
/// `reserved`. Logs each change. Throws UserError where two would be the same then; `format` is for messages.
std::vector<std::string> fitting_names(const std::vector<std::string>& names,
                                       const std::vector<std::string>& reserved,
                                       const std::function<bool(char)>& allowed, const std::string& format);

/// A name as LaTeX without dollar signs: theta_0 as \theta_{0}, the same for every Greek letter, any other
/// name letter for letter.
std::string latex_label(const std::string& name);

}  // namespace fluxsbi::exchange
