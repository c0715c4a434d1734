// Small pieces of text for messages.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fluxsbi::core {

/// "a, b, c"
std::string join(std::span<const std::string> words, std::string_view separator = ", ");

/// The candidate nearest to `word` in edit distance (Damerau, case ignored), or "" if none is near enough to
/// be meant: at most a third of the word's length, and at least one edit is always allowed.
std::string nearest(std::string_view word, std::span<const std::string> candidates);

/// " (did you mean 'x'?)" for the nearest candidate, or "; known: a, b, c" if none is near.
std::string did_you_mean(std::string_view word, std::span<const std::string> candidates);

/// The text in single quotes, for messages: cut after 60 bytes, control characters as blanks.
std::string quoted(std::string_view text);

/// "1 token", "5 tokens"
std::string count_text(int64_t count, std::string_view what);

/// The six smallest divisors of n >= 1, for messages: "1, 2, 3, 4, 6, 12" of 36.
std::string divisors_text(int64_t n);

/// "[3, 4, 1]"
std::string shape_text(std::span<const int64_t> shape);

/// The shortest decimal text that reads back as the same double: 0.1, 1e-05, 3.
std::string number_text(double value);

/// "1.5 GB", "300 MB", "12 kB"
std::string bytes_text(double bytes);

/// "1 h 02 min", "3 min 20 s", "4.2 s"
std::string duration_text(double seconds);

}  // namespace fluxsbi::core
