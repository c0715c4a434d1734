// Method cases: one row for each method that has a checker.
#include <array>
#include <string_view>

#include "golden/case.hpp"

namespace fluxsbi::golden {

namespace {

struct MethodChecker {
  std::string_view method;  ///< as `config` names it: flow, diffusion, score_matching
  void (*check)(const Case& golden, Report& report);
};

constexpr std::array<MethodChecker, 3> checkers{{
    {"flow", check_flow},
    {"diffusion", check_diffusion},
    {"score_matching", check_score_matching},
}};

}  // namespace

void name_unchecked(const Case& golden, const std::set<std::string>& checked, Report& report) {
  std::string missing;
  for (const auto& [array, content] : golden.content.arrays) {
    if (array.rfind("out/", 0) == 0 && !checked.count(array))
      missing += (missing.empty() ? "" : ", ") + array;
  }
  if (!missing.empty()) report.skip("not checked, since fluxsbi does not compute it yet: " + missing);
}

void check_method(const Case& golden, Report& report) {
  const std::string method = golden.setting("method");
  for (const auto& row : checkers) {
    if (row.method == method) return row.check(golden, report);
  }
  report.skip("the method '" + method + "' has no checker");
}

}  // namespace fluxsbi::golden
