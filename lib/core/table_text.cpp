#include "core/table_text.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string_view>

namespace fluxsbi::core {

namespace {

// Characters of a text in UTF-8: bytes that continue one are left out.
size_t width_of(const std::string& text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

}  // namespace

std::string aligned_table(const std::vector<std::vector<std::string>>& rows, const std::string& indent,
                          size_t left) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()), 0);
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line = indent;
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string blanks(widths[i] - width_of(row[i]), ' ');
      line += (i == 0 ? "" : "  ") + (i < left ? row[i] + blanks : blanks + row[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string decimals_text(double value, int decimals) {
  if (std::isnan(value)) return "-";
  constexpr size_t longest = 12;
  char text[400];
  std::snprintf(text, sizeof text, "%.*f", std::clamp(decimals, 0, 60), value);
  if (std::string_view(text).size() > longest) {
    std::snprintf(text, sizeof text, "%.3e", value);
  } else if (std::string_view(text).find_first_of("123456789") == std::string_view::npos) {
    std::snprintf(text, sizeof text, "%.*f", std::clamp(decimals, 0, 60), 0.0);  // without the sign of -0.00
  }
  return text;
}

std::string resolved_text(double value, double deviation) {
  if (std::isnan(value)) return "-";
  constexpr int fewest = 4, most = 17;
  const double larger = std::abs(value) / deviation;
  const int digits = std::isfinite(larger) && larger > 1
                         ? std::clamp(static_cast<int>(std::ceil(std::log10(larger))) + 2, fewest, most)
                         : fewest;
  char text[64];
  std::snprintf(text, sizeof text, "%.*g", digits, value);
  return text;
}

}  // namespace fluxsbi::core
