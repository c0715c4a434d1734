#include "report/style.hpp"

namespace fluxsbi::report::style {

std::string panel() {
  return std::string("set border 15 lw 1 lc rgb '") + frame + "'\nset tics textcolor rgb '" + ink +
         "' scale 0.5 out nomirror\nset grid back lt 1 lw 1 lc rgb '" + grid +
         "'\nunset key\nunset colorbox\n";
}

std::string grouped(long long count) {
  const std::string digits = std::to_string(count);
  std::string text;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

}  // namespace fluxsbi::report::style
