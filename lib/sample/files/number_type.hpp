// The type in which files hold samples and modes: float32, unless it is too coarse for them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/precision.hpp"

namespace fluxsbi::sample {

/// automatic: float32, but float64 where float32 cannot resolve a hundredth of the spread of the draws.
enum class NumberType { automatic, float32, float64 };
std::span<const std::string_view> enum_names(NumberType);

/// The type that a word of enum_names stands for. Throws UserError for another, naming `option`.
NumberType number_type(const std::string& word, const std::string& option);

/// Looks for a column of which float32 cannot resolve a hundredth of the spread: in some row the distance
/// between float32's numbers at the draw of largest size exceeds a hundredth of the standard deviation of the
/// row's draws (of all rows' where a row has one). NaN are left out, and so are draws that are all equal, as
/// given values are.
class CoarseColumns {
 public:
  /// Rows of `draws` draws of `size` numbers.
  CoarseColumns(int64_t draws, int64_t size);
  /// The next draws [n, size], row after row; a row's draws may come in pieces.
  void add(std::span<const double> values);
  /// The first such column; what has come of the last row counts.
  std::optional<int64_t> first() const;

  /// Where it stands, for restore() of another.
  std::vector<double> state() const;
  void restore(std::span<const double> state);

 private:
  std::optional<int64_t> of_group() const;

  int64_t of_group_ = 0;  ///< draws that are looked at together; 0: all
  int64_t in_group_ = 0;
  std::optional<int64_t> first_;
  std::vector<data::ColumnSpread> spreads_;
};

/// The first such column of draws [rows, draws, size]; nothing if there is none.
std::optional<int64_t> coarse_column(std::span<const double> values, int64_t draws, int64_t size);

/// Which type `type` stands for, given the coarse column: true for float64. Says in one line, naming the
/// column, that float32 was too coarse.
bool choose_float64(NumberType type, const std::optional<int64_t>& coarse,
                    const std::vector<std::string>& columns, const std::string& path);

}  // namespace fluxsbi::sample
