// `prior.parameters`: theta put together from parts, each of its own kind. A part is one parameter, or a
// group of parameters that depend on each other.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/rules.hpp"
#include "data/prior/univariate.hpp"

namespace fluxsbi::data {

class Prior;

/// One part as the config writes it.
struct PriorPart {
  std::string kind;                ///< a name of prior_kinds()
  std::vector<std::string> names;  ///< of its components in theta's order; empty: they have none
  /// The numbers by their keys; a matrix row by row. Only keys that were given.
  std::vector<std::pair<std::string, std::vector<double>>> numbers;

  /// The numbers of a key, nothing where it is absent.
  std::optional<std::span<const double>> find(std::string_view key) const;
  /// The number of a key that is there.
  double number(std::string_view key) const { return find(key).value()[0]; }
  bool operator==(const PriorPart&) const = default;
};

/// The parts in theta's order.
struct PriorParts {
  std::vector<PriorPart> parts;

  bool operator==(const PriorParts&) const = default;
};

/// A key of a kind.
struct PriorKey {
  enum class Form { number, list, matrix };
  std::string_view name;
  std::vector<std::string> aliases = {};
  bool positive = false;
  std::string inverse = {};  ///< another name, whose value is 1 / that of this key: rate and scale
  Form form = Form::number;
  bool required = true;
};

/// Hands over what is wrong with a key: "std", "must be above 0, found -1".
using PriorComplaint = std::function<void(const std::string& key, const std::string& message)>;

/// What a group of parameters is made of (groups.hpp).
struct PriorGroup {
  int64_t (*size)(const PriorPart& part);  ///< its components
  void (*check)(const PriorPart& part, const PriorComplaint& complain);
  std::unique_ptr<Prior> (*make)(const PriorPart& part);
};

/// One kind. A kind of one parameter has `univariate`, which takes the numbers of its keys in their order; a
/// kind of a group has `group`.
struct PriorKindRow {
  std::string_view name;
  std::vector<std::string> aliases;
  std::vector<PriorKey> keys;
  std::unique_ptr<Univariate> (*univariate)(std::span<const double> values) = nullptr;
  const PriorGroup* group = nullptr;
  bool must_be_cut = false;

  /// True if `low` and `high` beside its own keys cut its support.
  bool can_be_cut() const;
};

/// All kinds of prior.parameters.
std::span<const PriorKindRow> prior_kinds();

/// The distribution of a part of one parameter, cut where the part says so. The part has been checked.
std::unique_ptr<Univariate> make_univariate(const PriorPart& part);

/// How many components of theta a part has.
int64_t part_size(const PriorPart& part);

/// All names in theta's order, theta_i for a component without one; empty where no part has names.
std::vector<std::string> part_names(const PriorParts& parts);

/// Reports what is wrong with a part whose kind is known: keys that are missing or not the kind's, numbers
/// out of range, ends that leave no probability.
void check_part(const PriorPart& part, const PriorComplaint& complain);

/// The part as a prior of its own. The part has been checked.
std::unique_ptr<Prior> make_part(const PriorPart& part);

/// Reads a map from names to parts or a list of parts. Throws config::NestedProblems with all that is wrong,
/// each at its place: unknown kinds and keys with the nearest name, and all that check_part reports.
config::Problem read(const config::Value& value, PriorParts& out);
/// YAML of one line, as a list.
std::string emit(const PriorParts& parts);
std::string type_name(const PriorParts*);

}  // namespace fluxsbi::data
