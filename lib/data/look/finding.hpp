// What is said about data: findings as values, and their lines.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fluxsbi::data {

/// note: a fact that needs no action; warning: the result is probably not what is wanted; error: it cannot
/// be.
enum class Severity { note, warning, error };
std::string_view name_of(Severity severity);

struct Finding {
  Severity severity = Severity::note;
  std::string kind;                    ///< "fill-values", one word for each sort of finding
  std::vector<std::string> variables;  ///< all of them; empty where the finding is about rows
  double number = 0;   ///< the finding's own, of the first variable: a share, a count or a distance
  std::string text;    ///< what was found, a sentence without its full stop
  std::string remedy;  ///< what to do; empty if there is nothing
  std::string key;     ///< the option to set; empty if there is none

  /// "TEXT: REMEDY"
  std::string line() const;
};

/// A finding about several variables is one finding.
struct FindingItem {
  std::string name;
  std::string detail;  ///< "1 % are 1e+20"
  double number = 0;
};

/// "x_1 (1 % are 1e+20), x_4 (2 % are -999) and 3 more": the first ten, those of the largest number first.
std::string list_items(std::span<const FindingItem> items);

/// The finding about `items`, ordered by number, with the text BEFORE LIST AFTER.
Finding grouped(Severity severity, std::string kind, std::vector<FindingItem> items,
                const std::string& before, const std::string& after, std::string remedy, std::string key);

/// "24 %", "0.25 %", "less than 0.01 %"
std::string percent_text(double share);
/// "24 % of the rows (976 of 4000)"
std::string rows_text(int64_t count, int64_t of);

}  // namespace fluxsbi::data
