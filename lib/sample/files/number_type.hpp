// The type in which files hold samples and modes: float32, unless it is too coarse for them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fluxsbi::sample {

/// automatic: float32, but float64 where float32 cannot resolve a hundredth of the spread of the draws.
enum class NumberType { automatic, float32, float64 };
std::span<const std::string_view> enum_names(NumberType);

/// The type that a word of enum_names stands for. Throws UserError for another, naming `option`.
NumberType number_type(const std::string& word, const std::string& option);

/// The first column of draws [rows, draws, size] of which float32 cannot resolve a hundredth of the spread:
/// in some row the distance between float32's numbers at the draw of largest size exceeds a hundredth of the
/// standard deviation of the row's draws (of all rows' where a row has one). NaN are left out, and so are
/// draws that are all equal, as given values are. Nothing if there is no such column.
std::optional<int64_t> coarse_column(std::span<const double> values, int64_t rows, int64_t draws,
                                     int64_t size);

/// Which type `type` stands for, given the coarse column: true for float64. Says in one line, naming the
/// column, that float32 was too coarse.
bool choose_float64(NumberType type, const std::optional<int64_t>& coarse,
                    const std::vector<std::string>& columns, const std::string& path);

}  // namespace fluxsbi::sample
