// Judging the tests of `diagnose` on posteriors that are right or wrong in a known way.
#pragma once

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "core/registry.hpp"
#include "diagnose/tests.hpp"
#include "diagnose/toy.hpp"
#include "support/sanitized.hpp"

namespace fluxsbi::test {

using namespace fluxsbi::diagnose;

inline const Fault right{"none", Toy::gaussian, Wrong::nothing, 0};

inline std::vector<Finding> run(const std::string& name, const Evidence& evidence, TestOptions options = {}) {
  return core::row_named(tests(), name, "unknown test ").run(evidence, options);
}

inline std::vector<Finding> judged(const std::string& name, const Evidence& evidence,
                                   TestOptions options = {}) {
  std::vector<Finding> findings = run(name, evidence, options);
  judge(findings, options.level);
  return findings;
}

inline bool fails(const std::string& name, const Fault& fault, const EvidenceSize& size) {
  return any_failed(judged(name, make_evidence(fault, size, 1)));
}

inline constexpr double alarm_level = 0.1;
// So often a right posterior is judged; under a sanitizer a few times do.
inline constexpr uint64_t many = unless_sanitized(200, 8), fewer = unless_sanitized(100, 4);

// Expected alarms of right posteriors at alarm_level and three standard deviations: 32 of 200, 19 of 100.
inline int64_t alarms_allowed(uint64_t seeds) {
  const auto n = static_cast<double>(seeds);
  return static_cast<int64_t>(n * alarm_level + 3 * std::sqrt(n * alarm_level * (1 - alarm_level)));
}

// How often a finding of each test fails at alarm_level on `seeds` sets of pairs. Making the pairs takes
// longer than judging them, so the tests share them.
inline std::map<std::string, int64_t> false_alarms(const std::vector<std::string>& names, const Fault& fault,
                                                   const EvidenceSize& size, uint64_t seeds) {
  std::map<std::string, int64_t> alarms;
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    TestOptions options;
    options.seed = seed;
    const Evidence evidence = make_evidence(fault, size, 1000 + options.seed);
    for (const std::string& name : names) {
      std::vector<Finding> findings = run(name, evidence, options);
      judge(findings, alarm_level);
      alarms[name] += any_failed(findings);
    }
  }
  return alarms;
}

}  // namespace fluxsbi::test
