#include "data/look/finding.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "core/text.hpp"

namespace fluxsbi::data {

std::string_view name_of(Severity severity) {
  constexpr std::array<std::string_view, 3> names{"note", "warning", "error"};
  return names[static_cast<size_t>(severity)];
}

std::string Finding::line() const {
  return remedy.empty() ? text : text + ": " + remedy;
}

std::string list_items(std::span<const FindingItem> items) {
  std::vector<std::string> words;
  for (const FindingItem& item : items)
    words.push_back(item.detail.empty() ? item.name : item.name + " (" + item.detail + ")");
  return core::list_first(words);
}

Finding grouped(Severity severity, std::string kind, std::vector<FindingItem> items,
                const std::string& before, const std::string& after, std::string remedy, std::string key) {
  std::stable_sort(items.begin(), items.end(),
                   [](const FindingItem& a, const FindingItem& b) { return a.number > b.number; });
  Finding finding{
      severity,          std::move(kind), {}, items.front().number, before + list_items(items) + after,
      std::move(remedy), std::move(key)};
  for (const FindingItem& item : items) finding.variables.push_back(item.name);
  return finding;
}

std::string percent_text(double share) {
  const double percent = 100 * share;
  if (percent > 0 && percent < 0.01) return "less than 0.01 %";
  if (percent < 100 && percent > 99.99) return "more than 99.99 %";
  const double unit = percent < 10 ? 100 : 10;
  return core::number_text(std::round(percent * unit) / unit) + " %";
}

std::string rows_text(int64_t count, int64_t of) {
  return percent_text(static_cast<double>(count) / static_cast<double>(of)) + " of the rows (" +
         std::to_string(count) + " of " + std::to_string(of) + ")";
}

}  // namespace fluxsbi::data
