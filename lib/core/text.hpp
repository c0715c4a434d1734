// Small pieces of text for messages.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fluxsbi::core {

/// "a, b, c"
std::string join(std::span<const std::string> words, std::string_view separator = ", ");

/// "and 4 more"
std::string and_more(size_t left);

/// "a, b, c and 4 more": the first `most` words of a list.
std::string list_first(std::span<const std::string> words, size_t most = 10);
std::string list_first(std::span<const int64_t> numbers, size_t most = 10);

/// The candidate nearest to `word` in edit distance (Damerau, case ignored), or "" if none is near enough to
/// be meant: at most a third of the word's length, and at least one edit is always allowed.
std::string nearest(std::string_view word, std::span<const std::string> candidates);

/// " (did you mean 'x'?)" for the nearest candidate, or "" if none is near.
std::string nearest_hint(std::string_view word, std::span<const std::string> candidates);

/// The same, or "; known: a, b, c" if none is near.
std::string did_you_mean(std::string_view word, std::span<const std::string> candidates);

/// The text in single quotes, for messages: cut after 60 bytes, control characters as blanks.
std::string quoted(std::string_view text);

/// Without blanks (space, tab, carriage return) at its ends.
std::string_view trimmed(std::string_view text);

/// The number that is the whole text, in decimal notation with an optional sign; "nan", "inf" and "-inf" are
/// numbers. Nothing for anything else, and for a number beyond the type's range.
std::optional<double> parse_number(std::string_view text);
std::optional<int64_t> parse_whole_number(std::string_view text);

/// As parse_number, and as Fortran writes numbers: 1.0D+03, and 1.234-103, whose three-digit exponent has no
/// letter.
std::optional<double> parse_decimal(std::string_view text);

/// "1 token", "5 tokens"
std::string count_text(int64_t count, std::string_view what);

/// The six smallest divisors of n >= 1, for messages: "1, 2, 3, 4, 6, 12" of 36.
std::string divisors_text(int64_t n);

/// "[3, 4, 1]"
std::string shape_text(std::span<const int64_t> shape);

/// The shortest decimal text that reads back as the same double: 0.1, 1e-05, 3.
std::string number_text(double value);
/// Four significant digits, for messages that give an idea of a number.
std::string brief_text(double value);

/// "1.5 GB", "300 MB", "12 kB"
std::string bytes_text(double bytes);

/// "1 h 02 min", "3 min 20 s", "4.2 s"
std::string duration_text(double seconds);

}  // namespace fluxsbi::core
