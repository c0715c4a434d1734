#include "core/text.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdio>

namespace fluxsbi::core {

namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return std::tolower(c); });
  return out;
}

// Damerau-Levenshtein distance, transpositions of neighbours counted as one edit.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<size_t>> distance(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) distance[i][0] = i;
  for (size_t j = 0; j <= b.size(); ++j) distance[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substitution = distance[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      distance[i][j] = std::min({distance[i - 1][j] + 1, distance[i][j - 1] + 1, substitution});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) distance[i][j] = std::min(distance[i][j], distance[i - 2][j - 2] + 1);
    }
  }
  return distance[a.size()][b.size()];
}

template <class T>
std::optional<T> parse(std::string_view text) {
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  T number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc() || end != text.data() + text.size()) return {};
  return number;
}

// The beginning of what is longer, cut between two UTF-8 characters.
std::string shortened(std::string_view text, size_t longest) {
  if (text.size() <= longest) return std::string(text);
  size_t size = longest;
  while (size > 0 && (text[size] & 0xc0) == 0x80) --size;
  return std::string(text.substr(0, size)) + "...";
}

std::string with_rest(std::string text, size_t shown, size_t all) {
  return all > shown ? text + " " + and_more(all - shown) : text;
}

std::string print(const char* format, double a) {
  std::array<char, 64> buffer;
  std::snprintf(buffer.data(), buffer.size(), format, a);
  return buffer.data();
}

}  // namespace

std::string join(std::span<const std::string> words, std::string_view separator) {
  std::string text;
  for (size_t i = 0; i < words.size(); ++i) text += (i ? std::string(separator) : "") + words[i];
  return text;
}

std::string and_more(size_t left) {
  return "and " + std::to_string(left) + " more";
}

std::string list_first(std::span<const std::string> words, size_t most) {
  constexpr size_t longest = 200;  // a line of messages; a damaged file may hold a name of megabytes
  std::vector<std::string> shown;
  for (const std::string& word : words.first(std::min(most, words.size())))
    shown.push_back(shortened(word, longest));
  return with_rest(join(shown), shown.size(), words.size());
}

std::string list_first(std::span<const int64_t> numbers, size_t most) {
  std::vector<std::string> words;
  for (const int64_t number : numbers.first(std::min(most, numbers.size())))
    words.push_back(std::to_string(number));
  return with_rest(join(words), words.size(), numbers.size());
}

std::string nearest(std::string_view word, std::span<const std::string> candidates) {
  const std::string wanted = lower(word);
  size_t best = std::max<size_t>(1, wanted.size() / 3) + 1;
  std::string found;
  for (const auto& candidate : candidates) {
    const size_t longer = std::max(wanted.size(), candidate.size()),
                 shorter = std::min(wanted.size(), candidate.size());
    if (longer - shorter >= best) continue;  // the distance is no less; a key of megabytes costs nothing
    const size_t distance = edit_distance(wanted, lower(candidate));
    if (distance < best) {
      best = distance;
      found = candidate;
    }
  }
  return found;
}

std::string nearest_hint(std::string_view word, std::span<const std::string> candidates) {
  const std::string found = nearest(word, candidates);
  return found.empty() ? "" : " (did you mean '" + found + "'?)";
}

std::string did_you_mean(std::string_view word, std::span<const std::string> candidates) {
  const std::string hint = nearest_hint(word, candidates);
  return hint.empty() && !candidates.empty() ? "; known: " + join(candidates) : hint;
}

std::string quoted(std::string_view text) {
  constexpr size_t longest = 60;
  std::string shown = shortened(text, longest);
  std::replace_if(
      shown.begin(), shown.end(), [](unsigned char c) { return std::iscntrl(c); }, ' ');
  return "'" + shown + "'";
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r";
  const size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::optional<double> parse_number(std::string_view text) {
  return parse<double>(text);
}

std::optional<int64_t> parse_whole_number(std::string_view text) {
  return parse<int64_t>(text);
}

std::optional<double> parse_decimal(std::string_view text) {
  if (const auto value = parse_number(text)) return value;
  constexpr size_t longest = 64;
  if (text.size() > longest) return {};
  std::string c_text(text);
  const size_t letter = c_text.find_first_of("dD");
  if (letter != std::string::npos) {
    c_text[letter] = 'e';
  } else {
    const size_t sign = c_text.find_first_of("+-", 1);
    constexpr size_t digits = 3;
    if (c_text.find_first_not_of("+-.0123456789") != std::string::npos ||
        c_text.find('.') == std::string::npos || sign == std::string::npos ||
        c_text.size() - sign != digits + 1)
      return {};
    c_text.insert(sign, "e");
  }
  return parse_number(c_text);
}

std::string count_text(int64_t count, std::string_view what) {
  return std::to_string(count) + " " + std::string(what) + (count == 1 ? "" : "s");
}

std::string divisors_text(int64_t n) {
  constexpr size_t shown = 6;
  std::vector<std::string> found;
  for (int64_t d = 1; d <= n && found.size() < shown; ++d) {
    if (n % d == 0) found.push_back(std::to_string(d));
  }
  return join(found);
}

std::string shape_text(std::span<const int64_t> shape) {
  std::vector<std::string> words;
  for (const int64_t n : shape) words.push_back(std::to_string(n));
  return "[" + join(words) + "]";
}

std::string number_text(double value) {
  if (std::isnan(value)) return ".nan";
  if (std::isinf(value)) return value > 0 ? ".inf" : "-.inf";
  std::array<char, 32> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  return {buffer.data(), end};
}

std::string brief_text(double value) {
  return print("%.4g", value);
}

std::string bytes_text(double bytes) {
  if (bytes >= 1e9) return print("%.1f GB", bytes / 1e9);
  if (bytes >= 1e6) return print("%.0f MB", bytes / 1e6);
  return print("%.0f kB", std::ceil(bytes / 1e3));
}

std::string duration_text(double seconds) {
  std::array<char, 64> buffer;
  if (seconds < 60) return print("%.1f s", seconds);
  const auto whole = static_cast<int64_t>(std::llround(seconds));
  if (whole < 3600) {
    std::snprintf(buffer.data(), buffer.size(), "%d min %02d s", static_cast<int>(whole / 60),
                  static_cast<int>(whole % 60));
  } else {
    std::snprintf(buffer.data(), buffer.size(), "%d h %02d min", static_cast<int>(whole / 3600),
                  static_cast<int>(whole % 3600 / 60));
  }
  return buffer.data();
}

}  // namespace fluxsbi::core
