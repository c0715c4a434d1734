#include "number_range.hpp"

#include <cmath>
#include <string>

namespace fluxsbi::app {

namespace {

CLI::Validator range(bool (*holds)(double), const std::string& allowed) {
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

CLI::Validator finite() {
  return range([](double number) { return std::isfinite(number); }, "a finite number");
}

}  // namespace fluxsbi::app
