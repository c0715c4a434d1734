// Look-up in a registry: a table of rows with a `name` and, where a row may have other names, `aliases`.
#pragma once

#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "core/text.hpp"

namespace fluxsbi::core {

/// The other names of a row; none where its type has no aliases.
template <class Row>
std::vector<std::string> aliases_of(const Row& row) {
  if constexpr (requires { row.aliases; }) {
    return {row.aliases.begin(), row.aliases.end()};
  } else {
    return {};
  }
}

/// All names, in the rows' order, each row's aliases behind its name.
template <class Rows>
std::vector<std::string> row_names(const Rows& rows) {
  std::vector<std::string> names;
  for (const auto& row : rows) {
    names.emplace_back(row.name);
    for (std::string& alias : aliases_of(row)) names.push_back(std::move(alias));
  }
  return names;
}

/// The row of that name or alias, or nullptr.
template <class Rows>
auto find_row(const Rows& rows, std::string_view name) -> decltype(std::data(rows)) {
  for (const auto& row : rows) {
    if (row.name == name) return &row;
    for (const std::string& alias : aliases_of(row)) {
      if (alias == name) return &row;
    }
  }
  return nullptr;
}

/// The row of that name or alias. Throws UserError otherwise: `problem` and what did_you_mean() says, for
/// example "unknown task 'slpc' (did you mean 'slcp'?)".
template <class Rows>
const auto& row_named(const Rows& rows, std::string_view name, const std::string& problem) {
  if (const auto* row = find_row(rows, name)) return *row;
  throw UserError(problem + did_you_mean(name, row_names(rows)));
}

}  // namespace fluxsbi::core
