#include "exchange/names.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/text.hpp"

namespace fluxsbi::exchange {

namespace {

constexpr std::array<std::string_view, 24> greek{"alpha",   "beta",  "gamma", "delta", "epsilon", "zeta",
                                                 "eta",     "theta", "iota",  "kappa", "lambda",  "mu",
                                                 "nu",      "xi",    "pi",    "rho",   "sigma",   "tau",
                                                 "upsilon", "phi",   "chi",   "psi",   "omega",   "Omega"};

bool is_number(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

std::vector<std::string> fitting_names(const std::vector<std::string>& names,
                                       const std::vector<std::string>& reserved,
                                       const std::function<bool(char)>& allowed, const std::string& format) {
  std::vector<std::string> fitting;
  for (const std::string& name : names) {
    std::string fit = name;
    for (char& c : fit) {
      if (!allowed(c)) c = '_';
    }
    if (fit.find_first_not_of('.') == std::string::npos) fit += "_";  // empty, or a path
    while (std::count(reserved.begin(), reserved.end(), fit)) fit += "_";
    if (std::count(fitting.begin(), fitting.end(), fit))
      throw core::UserError(
          format + " cannot hold the name " + core::quoted(name) + ", and " + core::quoted(fit) +
          " is another variable's; rename it (data.names), or choose others with --columns");
    if (fit != name)
      core::log::warning(format + " cannot hold the name " + core::quoted(name) + "; it is written as " +
                         core::quoted(fit));
    fitting.push_back(std::move(fit));
  }
  return fitting;
}

std::string latex_label(const std::string& name) {
  const size_t bar = name.rfind('_');
  const std::string stem = name.substr(0, bar), index = bar == std::string::npos ? "" : name.substr(bar + 1);
  const bool letter = stem.size() == 1 && std::isalpha(static_cast<unsigned char>(stem[0]));
  const bool is_greek = std::find(greek.begin(), greek.end(), stem) != greek.end();
  if ((letter || is_greek) && (index.empty() || is_number(index)))
    return (is_greek ? "\\" : "") + stem + (index.empty() ? "" : "_{" + index + "}");
  std::string escaped;
  for (const char c : name) {
    if (std::string_view("_%&#${}").find(c) != std::string_view::npos) escaped += '\\';
    escaped += c == '\\' || c == '^' || c == '~' ? ' ' : c;
  }
  return "\\mathrm{" + escaped + "}";
}

}  // namespace fluxsbi::exchange
