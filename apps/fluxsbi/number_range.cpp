#include "number_range.hpp"

#include <cmath>
#include <functional>
#include <string>

#include "core/text.hpp"

namespace fluxsbi::app {

namespace {

CLI::Validator range(const std::function<bool(double)>& holds, const std::string& allowed) {
  return {[holds, allowed](std::string& text) -> std::string {
            double number = 0;
            if (CLI::detail::lexical_cast(text, number) && holds(number)) return "";
            return "must be " + allowed + ", found '" + text + "'";
          },
          allowed};
}

}  // namespace

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

CLI::Validator finite() {
  return range([](double number) { return std::isfinite(number); }, "a finite number");
}

}  // namespace fluxsbi::app
