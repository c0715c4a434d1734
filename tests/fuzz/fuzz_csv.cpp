#include <string_view>

#include "fuzz/check.hpp"
#include "io/csv.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace fluxsbi;
  using namespace fluxsbi::fuzz;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const bool blank_as_nan : {false, true}) {
    survive([&] {
      const io::Csv csv = io::parse_csv(text, file_name, {blank_as_nan});
      check(csv.values);
      demand(csv.values.shape.size() == 2 && csv.values.shape[1] == static_cast<int64_t>(csv.columns.size()));
    });
  }
  return 0;
}
