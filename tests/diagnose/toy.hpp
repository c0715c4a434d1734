// Posteriors in closed form, right ones and such as are wrong on purpose, to test the tests with.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "diagnose/evidence.hpp"

namespace fluxsbi::test {

enum class Toy {
  gaussian,   ///< theta ~ N(0, I_2), x ~ N(theta, S): a correlated normal posterior (correlation 0.56)
  two_modes,  ///< theta = (sign m, b), m ~ N(1.5, 0.3^2), b ~ N(0, 1), x = (m, b) + 0.2 N(0, I)
  box         ///< theta uniform on [-1, 1]^2, x ~ N(theta, 0.3^2 I): a truncated normal posterior
};

enum class Wrong {
  nothing,
  shift,          ///< every variable `size` posterior standard deviations too high
  width,          ///< standard deviations times `size`
  correlation,    ///< normal with the right variances and no correlation
  lost_mode,      ///< two_modes: the sign is always +1
  ignored_prior,  ///< box: not truncated where both of x are above 0.6
  prior           ///< the posterior is the prior
};

struct Fault {
  std::string name;
  Toy toy = Toy::gaussian;
  Wrong wrong = Wrong::nothing;
  double size = 0;
};
/// Those of the power table.
std::vector<Fault> faults();

struct EvidenceSize {
  int64_t pairs = 500, draws = 200, density_draws = 100;
  int64_t observations = 0, observed_draws = 500;  ///< x of further pairs
};
diagnose::Evidence make_evidence(const Fault& fault, const EvidenceSize& size, uint64_t seed);
/// The same with observations at this x [2].
diagnose::Evidence make_evidence_at(const Fault& fault, const EvidenceSize& size, uint64_t seed,
                                    const std::vector<double>& x);

/// The same of a built-in task with an exact posterior; no densities, no observations.
diagnose::Evidence make_task_evidence(const std::string& task, int64_t pairs, int64_t draws, uint64_t seed);

}  // namespace fluxsbi::test
