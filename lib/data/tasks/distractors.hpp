// The mixture that slcp_distractors draws its distractors from; its numbers are sbibm/distractors.bin, built
// in.
#pragma once

#include <cstddef>
#include <span>

namespace fluxsbi::data {

inline constexpr size_t distractor_count = 92, distractor_components = 20;

/// A component: its centre [92] and the rows of its lower triangular factor T, [92 * 93 / 2], whose diagonal
/// may be negative.
struct DistractorComponent {
  std::span<const double> centre, factor;
};
DistractorComponent distractor_component(size_t component);

/// centre + T n / sqrt(w / 2): Student's t with 2 degrees of freedom for standard normal n [92] and w of the
/// chi-squared distribution with 2. Writes values [92].
void draw_distractors(size_t component, double w, std::span<const double> n, std::span<double> values);

}  // namespace fluxsbi::data
