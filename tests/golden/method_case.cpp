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

constexpr std::array<MethodChecker, 1> checkers{{
    {"flow", check_flow},
}};

}  // namespace

void check_method(const Case& golden, Report& report) {
  const std::string method = golden.setting("method");
  for (const auto& row : checkers) {
    if (row.method == method) return row.check(golden, report);
  }
  report.skip("the method '" + method + "' has no checker");
}

}  // namespace fluxsbi::golden
