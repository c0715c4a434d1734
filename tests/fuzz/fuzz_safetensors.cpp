#include "fuzz/check.hpp"
#include "io/safetensors.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace fluxsbi;
  using namespace fluxsbi::fuzz;
  survive([&] {
    for (const auto& entry : io::parse_safetensors(bytes_of(data, size), file_name).arrays)
      check(entry.second);
  });
  return 0;
}
