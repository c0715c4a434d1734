#include "number_range.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>

#include "core/text.hpp"

namespace fluxsbi::app {

namespace {

CLI::Validator range(const std::function<bool(double)>& holds, const std::string& allowed) {
  return {[holds, allowed](std::string& text) -> std::string {
            double number = 0;
            const bool read = CLI::detail::lexical_cast(text, number);
            if (read && std::isinf(number)) return "must be a finite number, found '" + text + "'";
            if (read && holds(number)) return "";
            return "must be " + allowed + ", found '" + text + "'";
          },
          allowed};
}

// Reads whole numbers as T in base ten. CLI11 would take 010 for eight, and the largest number there is for
// one that is larger.
template <class T>
std::string whole_problem(std::string& text) {
  std::string_view digits = text;
  const bool negative = std::is_signed_v<T> && digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.remove_prefix(1);
  if (digits.empty() || digits.find_first_not_of("0123456789") != std::string_view::npos)
    return std::is_signed_v<T> ? "'" + text + "' is not a whole number, written in digits"
                               : "must be a whole number from 0 on, found '" + text + "'";
  digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size() - 1));
  const std::string plain = (negative ? "-" : "") + std::string(digits);
  T number = 0;
  if (std::from_chars(plain.data(), plain.data() + plain.size(), number).ec != std::errc())
    return "'" + text + "' is too large; numbers end at " + std::to_string(std::numeric_limits<T>::max());
  text = plain;
  return "";
}

}  // namespace

void read_whole_numbers_in_base_ten(CLI::App& command) {
  for (CLI::Option* option : command.get_options()) {
    const std::string type = option->get_type_name();
    if (type.starts_with("UINT")) option->transform(CLI::Validator(whole_problem<uint64_t>, ""));
    if (type.starts_with("INT")) option->transform(CLI::Validator(whole_problem<int64_t>, ""));
  }
}

CLI::Validator above_zero() {
  return range([](double number) { return number > 0; }, "above 0");
}

CLI::Validator at_least_zero() {
  return range([](double number) { return number >= 0; }, "at least 0");
}

CLI::Validator within(double low, double high) {
  return range([low, high](double number) { return number >= low && number <= high; },
               "from " + core::number_text(low) + " to " + core::number_text(high));
}

CLI::Validator solver_steps() {
  constexpr int64_t most = 1000000;
  return range([](double number) { return number >= 1 && number <= static_cast<double>(most); },
               "from 1 to " + std::to_string(most));
}

CLI::Validator finite() {
  return range([](double number) { return std::isfinite(number); }, "a finite number");
}

}  // namespace fluxsbi::app
