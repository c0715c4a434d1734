// One observation as a line of text, and draws as one.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "io/array.hpp"

namespace fluxsbi::experiment {

/// What a line asks.
struct ObservationLine {
  io::Array x;                   ///< float64, of the line's own shape
  std::string id;                ///< JSON of its "id"; "" where it has none
  std::optional<int64_t> draws;  ///< its "n"
  std::optional<uint64_t> seed;  ///< its "seed"
  std::optional<int64_t> row;    ///< its "row"
};

/// A line of JSON, an array of numbers [x_dim] or [x_dim, x_channels] (null: missing) or an object with such
/// an array as "x" and "id" (a text or a whole number), "n", "seed" and "row" if there are any; or numbers
/// with commas, semicolons, tabs or blanks between them. Throws UserError.
ObservationLine parse_observation(const std::string& line);

/// JSON of the "id" of a line that may be bad otherwise; "" where it tells none.
std::string id_of(const std::string& line);

/// The values of JSON as an array: one observation, {"x": ...}, or a list of either. Throws UserError, also
/// for "n", "seed" and "row", which are those of the command for the rows of a file.
io::Array parse_observations(const std::string& text);

/// The fields of a line that is a head of names: none of them is a number.
std::optional<std::vector<std::string>> head_of(const std::string& line);

/// Draws [n, size] as a JSON list of lists, null where not filled; of float32's numbers as few digits as give
/// them back.
std::string draws_text(std::span<const double> values, std::span<const uint8_t> filled, bool wide);

}  // namespace fluxsbi::experiment
