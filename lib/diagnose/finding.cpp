#include "diagnose/finding.hpp"

#include <algorithm>
#include <utility>

namespace fluxsbi::diagnose {

std::string_view text_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::pass:
      return "pass";
    case Verdict::fail:
      return "FAIL";
    case Verdict::not_enough:
      return "not enough data";
    case Verdict::measured:
      return "measured";
  }
  return "";
}

void judge(std::vector<Finding>& findings, double level) {
  std::vector<Finding*> judged;
  for (Finding& finding : findings) {
    if (finding.p_value && finding.verdict != Verdict::not_enough) judged.push_back(&finding);
  }
  std::stable_sort(judged.begin(), judged.end(),
                   [](const Finding* a, const Finding* b) { return *a->p_value < *b->p_value; });
  bool rejects = true;
  for (size_t i = 0; i < judged.size(); ++i) {
    // The smallest p-value is compared with level / m, the next with level / (m - 1), until one is not below.
    rejects = rejects && *judged[i]->p_value <= level / static_cast<double>(judged.size() - i);
    Finding& finding = *judged[i];
    finding.verdict = rejects ? Verdict::fail : Verdict::pass;
    const std::string of_pass = std::exchange(finding.meaning_of_pass, "");
    if (rejects) continue;
    if (!of_pass.empty()) finding.meaning = of_pass;
    finding.next.clear();
  }
}

bool any_failed(const std::vector<Finding>& findings) {
  return std::any_of(findings.begin(), findings.end(),
                     [](const Finding& finding) { return finding.verdict == Verdict::fail; });
}

}  // namespace fluxsbi::diagnose
