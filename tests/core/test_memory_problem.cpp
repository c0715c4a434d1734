#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/device_problem.hpp"
#include "core/error.hpp"
#include "core/memory.hpp"
#include "core/system.hpp"

using namespace fluxsbi::core;

namespace {

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string said_of(const std::string& message) {
  return memory_problem(std::runtime_error(message)).value_or("no memory problem");
}

}  // namespace

TEST_CASE("failed allocations of C++ and LibTorch are told with their size", "[core][memory]") {
  CHECK(holds(*memory_problem(std::bad_alloc()), "are available here"));
  CHECK(holds(
      said_of("[enforce fail at alloc_cpu.cpp:118] err == 0. DefaultCPUAllocator: can't allocate memory: you "
              "tried to allocate 4000000000000 bytes. Error code 12 (Cannot allocate memory)"),
      "out of memory: 4000.0 GB could not be allocated"));
  const std::string gpu = said_of(
      "CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 139.81 GiB of which "
      "1.20 GiB is free. Including non-PyTorch memory");
  CHECK(holds(gpu, "20.00 GiB could not be allocated"));
  CHECK(holds(gpu, "GPU 0 has a total capacity of 139.81 GiB of which 1.20 GiB is free"));
  CHECK_FALSE(holds(gpu, "Including"));
  CHECK(holds(said_of("Storage size calculation overflowed with sizes=[1, 2]"), "out of memory"));
  CHECK(said_of("The size of tensor a (3) must match the size of tensor b (4)") == "no memory problem");
}

TEST_CASE("a device that is gone is told apart from defects and from full memory", "[core][memory]") {
  const auto lost = [](const std::string& message) { return device_problem(std::runtime_error(message)); };
  const auto said =
      lost("CUDA error: unspecified launch failure\nCUDA kernel errors might be reported later");
  REQUIRE(said);
  CHECK(holds(*said, "the GPU has failed (CUDA error: unspecified launch failure); nvidia-smi"));
  CHECK(lost("CUDA error: uncorrectable ECC error encountered"));
  CHECK_FALSE(lost("CUDA error: an illegal memory access was encountered"));
  CHECK_FALSE(lost("CUDA error: out of memory"));
  CHECK_FALSE(lost("unknown error"));
}

TEST_CASE("a need beyond the memory is refused with both numbers and the remedy", "[core][memory]") {
  CHECK_NOTHROW(require_memory(1, "this", "do that"));
  try {
    require_memory(3e18, "training.batch_size = 7", "lower it");
    FAIL("nothing was thrown");
  } catch (const UserError& problem) {
    CHECK(holds(problem.what(), "training.batch_size = 7 needs "));
    CHECK(holds(problem.what(), " are available here"));
    CHECK(holds(problem.what(), "; lower it"));
  }
}

TEST_CASE("ulimit -v bounds the memory that is available", "[core][memory]") {
#ifdef __SANITIZE_ADDRESS__
  SKIP("the address sanitizer maps more than any such limit allows");
#endif
  const pid_t child = fork();
  if (child == 0) {
    constexpr rlim_t limit = rlim_t{1} << 30;
    const rlimit bound{limit, limit};
    const bool set = setrlimit(RLIMIT_AS, &bound) == 0;
    _exit(set && available_memory() < limit ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(status == 0);
}
