// Every kernel against its reference, under emulation: guard zones, races, barriers and bounds are looked at
// in each launch.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include "cuda_kernels/cases.hpp"

namespace {

using fluxsbi::test::kernel_cases;
using fluxsbi::test::KernelCase;

void run(const std::string& beginning) {
  int found = 0;
  for (const KernelCase& one : kernel_cases()) {
    if (std::string(one.name).rfind(beginning, 0) != 0) continue;
    ++found;
    INFO(one.name);
    const std::vector<std::string> faults = one.run();
    for (const std::string& fault : faults) UNSCOPED_INFO(fault);
    CHECK(faults.empty());
  }
  CHECK(found > 0);
}

}  // namespace

TEST_CASE("the modulated norm's kernel is its formula", "[cuda_kernels]") {
  run("modulated norm");
}

TEST_CASE("the kernel of the modulated norm's gradient is the formula's slope", "[cuda_kernels]") {
  run("gradient of the modulated norm");
}

TEST_CASE("the gated residual's kernel is its formula", "[cuda_kernels]") {
  run("gated residual");
}

TEST_CASE("the kernel of the gated residual's gradient is the formula's slope", "[cuda_kernels]") {
  run("gradient of the gated residual");
}

TEST_CASE("gelu's kernels are its formula and slope", "[cuda_kernels]") {
  run("gelu");
}

TEST_CASE("attention's kernel is its formula", "[cuda_kernels]") {
  run("attention");
}

TEST_CASE("the kernel of attention's gradient is the formula's slope in float32", "[cuda_kernels]") {
  run("gradient of attention, float32");
}

TEST_CASE("the kernel of attention's gradient is the formula's slope in bfloat16", "[cuda_kernels]") {
  run("gradient of attention, bfloat16");
}

TEST_CASE("the kernel of attention's gradient is right for many tokens", "[cuda_kernels]") {
  run("gradient of attention of many tokens");
}

TEST_CASE("the update's kernels follow AdamW, clipping and the average of the weights", "[cuda_kernels]") {
  run("update");
}

TEST_CASE("an infinite gradient shows in the norm that the kernels give", "[cuda_kernels]") {
  run("an infinite gradient");
}

TEST_CASE("kernels give the same bits again", "[cuda_kernels]") {
  run("the same input");
}
