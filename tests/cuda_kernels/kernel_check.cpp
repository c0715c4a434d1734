// Runs every kernel against its reference and exits with 1 if one is wrong; with --measure it prints, as
// JSON, what each kernel of a training step of the reference Flux1 takes instead: microseconds on a GPU,
// bytes under emulation.
//
//   fluxsbi_kernel_check [--measure]      on a GPU; compute-sanitizer runs it as well
//   fluxsbi_kernel_traffic [--measure]    the same under emulation
#include <cstdio>
#include <cstring>
#include <exception>

#include "cuda_kernels/cases.hpp"
#include "cuda_kernels/memory.hpp"
#include "cuda_kernels/workload.hpp"

namespace {

using namespace fluxsbi::test;

int check_all() {
  int wrong = 0;
  for (const KernelCase& one : kernel_cases()) {
    const std::vector<std::string> faults = one.run();
    std::printf("%-55s %s\n", one.name, faults.empty() ? "ok" : "WRONG");
    for (const std::string& fault : faults) std::printf("    %s\n", fault.c_str());
    wrong += faults.empty() ? 0 : 1;
  }
  std::printf("%zu kernel cases, %d wrong\n", kernel_cases().size(), wrong);
  return wrong == 0 ? 0 : 1;
}

int measure_all() {
  const char* separator = "[";
  for (const Kind kind : {Kind::float32, Kind::bfloat16}) {
    Check check;
    for (const WorkloadKernel& kernel : training_step_kernels(check, kind)) {
      const memory::Cost cost = memory::measure(kernel.start);
      std::printf("%s\n{\"kernel\": \"%s\", \"storage\": \"%s\", \"per_step\": %d, \"operations\": %.0f, %s}",
                  separator, kernel.name.c_str(), kind == Kind::float32 ? "float32" : "bfloat16",
                  kernel.per_step, kernel.operations, cost.c_str());
      separator = ",";
    }
  }
  std::printf("\n]\n");
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  try {
    const bool measures = count == 2 && std::strcmp(arguments[1], "--measure") == 0;
    if (count > 1 && !measures) {
      std::fprintf(stderr, "usage: %s [--measure]\n", arguments[0]);
      return 1;
    }
    return measures ? measure_all() : check_all();
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "error: %s\n", problem.what());
    return 1;
  }
}
