#include "fuzz/check.hpp"
#include "io/npy.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace fluxsbi;
  using namespace fluxsbi::fuzz;
  survive([&] { check(io::parse_npy(bytes_of(data, size), file_name)); });
  return 0;
}
