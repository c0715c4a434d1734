#include "data/tasks/distractors.hpp"

#include <bit>
#include <cmath>

#include "core/error.hpp"

// The assembler puts the file's bytes into the program.
asm(".pushsection .rodata, \"a\"\n"
    ".balign 8\n"
    ".global fluxsbi_distractors\n"
    ".hidden fluxsbi_distractors\n"
    "fluxsbi_distractors:\n"
    ".incbin \"" FLUXSBI_DISTRACTORS_FILE
    "\"\n"
    ".popsection\n");
extern "C" [[gnu::visibility("hidden")]] const double fluxsbi_distractors[];  // [20, 92 + 4278]

namespace fluxsbi::data {

namespace {

constexpr size_t factor_size = distractor_count * (distractor_count + 1) / 2;
static_assert(std::endian::native == std::endian::little, "the file's numbers are little endian");

}  // namespace

DistractorComponent distractor_component(size_t component) {
  core::require(component < distractor_components, "a component of the distractors");
  const double* begin = fluxsbi_distractors + component * (distractor_count + factor_size);
  return {{begin, distractor_count}, {begin + distractor_count, factor_size}};
}

void draw_distractors(size_t component, double w, std::span<const double> n, std::span<double> values) {
  const auto [centre, factor] = distractor_component(component);
  const double stretch = 1 / std::sqrt(w / 2);
  const double* entry = factor.data();
  for (size_t i = 0; i < distractor_count; ++i) {
    double sum = 0;
    for (size_t j = 0; j <= i; ++j) sum += *entry++ * n[j];
    values[i] = centre[i] + sum * stretch;
  }
}

}  // namespace fluxsbi::data
