// Changes of theta and x that make a simulation another one that is as probable.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace fluxsbi::data {

/// One form of a row: value i of the form is `sign[i]` times value `from[i]` of the row.
struct SignedPermutation {
  std::vector<int32_t> from;
  std::vector<int8_t> sign;

  static SignedPermutation identity(size_t size);
  size_t size() const { return from.size(); }
  /// The form of `row` in `out`, both [size]; they must not overlap.
  void apply(std::span<const double> row, std::span<double> out) const;
  /// The form of this form by `next`.
  SignedPermutation then(const SignedPermutation& next) const;
  auto operator<=>(const SignedPermutation&) const = default;
};

/// A form of both sides of a simulation at once.
struct RowForm {
  SignedPermutation theta, x;
  RowForm then(const RowForm& next) const { return {theta.then(next.theta), x.then(next.x)}; }
  auto operator<=>(const RowForm&) const = default;
};

/// Names of the values of both sides, [theta size] and [x size].
struct RowNames {
  std::vector<std::string> theta, x;
};

/// A value of one side, with a sign.
struct SignedPlace {
  bool of_x = false;
  int32_t index = 0;
  int8_t sign = 1;
  bool operator==(const SignedPlace&) const = default;
};

/// exchange and negate: p(theta, x) stays the same when the blocks take each other's places in any order, or
/// when all values of the one block change their signs. Two blocks may ask for other values that change their
/// signs at the same time. shift: p(x | theta) stays the same when one number is
/// added to all values of the one block, of which the first is a parameter that is independent of all others
/// (shift.hpp).
enum class SymmetryKind { exchange, negate, shift };

struct Symmetry {
  /// Blocks of one length, whose places of one number are of one side. A minus before a value says that its
  /// negative takes part.
  std::vector<std::vector<SignedPlace>> blocks;
  SymmetryKind kind = SymmetryKind::exchange;
  std::vector<SignedPlace> negated = {};  ///< along with an exchange of two blocks

  /// Whether values of x take part.
  bool of_x() const;
  /// Forms that generate all: the change of signs, or each block with the next; none of a shift.
  std::vector<RowForm> generators(size_t theta_size, size_t x_size) const;
  /// As data.symmetries has it: "exchange x_0 x_1, x_2 x_3", "exchange theta_0, theta_1 and negate
  /// x_1", "negate theta_2", "shift theta_0 x_0". Variables whose names hold blanks, commas or semicolons
  /// stand by their numbers: "exchange theta#0, theta#1".
  std::string text(const RowNames& names) const;
  /// The same for people, who need not see each of many blocks: "exchange x_0, x_1, ..., x_9".
  std::string brief(const RowNames& names) const;
};

/// Reads symmetries with ';' between them; Symmetry::text() is read back as what it was. Throws UserError
/// naming data.symmetries for another word than exchange, negate and shift, a name that no variable has or
/// that stands twice in one symmetry, fewer than two blocks to exchange, more than two with signs beside
/// them, blocks of different length, places of different sides, and a shift that is not of one parameter and
/// of values of x.
std::vector<Symmetry> parse_symmetries(const std::string& text, const RowNames& names);

/// data.symmetries without its shifts, for simulations whose parameters depend on each other: "none" where
/// nothing is left, no text where it has no shifts. The other words are not read any further.
std::optional<std::string> without_shifts(const std::string& text);

/// Different forms of a row by these symmetries, one after the other: all of them, or `most` at random, the
/// same for the same arguments. The first is the row itself. Shifts, which depend on other rows, have no
/// part.
std::vector<RowForm> row_forms(std::span<const Symmetry> symmetries, size_t theta_size, size_t x_size,
                               size_t most);

}  // namespace fluxsbi::data
