#include "diagnose/sbc.hpp"

#include <cmath>

#include "core/parallel.hpp"
#include "core/text.hpp"
#include "diagnose/ranks.hpp"
#include "diagnose/uniformity.hpp"

namespace fluxsbi::diagnose {

namespace {

constexpr std::string_view sbc_name = "sbc";

std::string sbc_meaning(const Uniformity& found, const std::string& name) {
  const std::string shift = core::brief_text(std::round(100 * std::abs(found.shift)) / 100);
  const std::string ratio = core::brief_text(std::round(100 * found.ratio) / 100);
  switch (found.fault) {
    case Fault::too_low:
      return "The true " + name + " ranks high among the draws: the posterior lies too low, by about " +
             shift + " of its standard deviations.";
    case Fault::too_high:
      return "The true " + name + " ranks low among the draws: the posterior lies too high, by about " +
             shift + " of its standard deviations.";
    case Fault::too_narrow:
      return "Ranks of the true " + name + " pile up at both ends: the posterior is too narrow, about " +
             ratio + " times as wide as it should be.";
    case Fault::too_wide:
      return "Ranks of the true " + name + " pile up in the middle: the posterior is too wide, about " +
             ratio + " times as wide as it should be.";
    default:
      return "Ranks of the true " + name +
             " are uneven in another way than by a shift or a width: skew, or a mode too many or too few.";
  }
}

}  // namespace

std::vector<Finding> run_sbc(const Evidence& evidence, const TestOptions& options) {
  check_samples(evidence, sbc_name);
  if (evidence.pairs < least_uniform) return {too_few_pairs(sbc_name, evidence.pairs, least_uniform)};
  std::vector<std::vector<double>> pits(evidence.names.size());
  core::for_each_in_parallel(evidence.theta_dim(), options.threads, [&](int64_t j) {
    pits[static_cast<size_t>(j)] = pit_of(ranks_of_variable(evidence, j, options.seed));
  });
  std::vector<Finding> findings;
  EcdfBand band;
  for (size_t j = 0; j < pits.size(); ++j) {
    if (j == 0 || pits[j].size() != pits[j - 1].size())
      band = ecdf_band(std::ssize(pits[j]), options.level, options.seed);
    const Uniformity found = uniformity(pits[j]);
    Finding finding;
    finding.test = sbc_name;
    finding.variable = evidence.names[j];
    finding.statistic =
        "KS distance of the ranks from uniform (p = " + core::brief_text(found.ks_probability) +
        "; chi-square p = " + core::brief_text(found.chi_probability) + ")";
    finding.value = found.distance;
    finding.p_value = found.p_value;
    finding.meaning = sbc_meaning(found, finding.variable);
    finding.meaning_of_pass =
        "The true " + finding.variable + " ranks among the draws as if it were one of them.";
    finding.next = advice(found.fault);
    finding.graphs =
        uniformity_graphs(pits[j], band, options.level, "Ranks of " + finding.variable, "rank of theta*");
    findings.push_back(std::move(finding));
    if (options.progress) options.progress(static_cast<double>(j + 1) / static_cast<double>(pits.size()));
  }
  return findings;
}

}  // namespace fluxsbi::diagnose
