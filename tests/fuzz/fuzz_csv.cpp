#include <string_view>

#include "fuzz/check.hpp"
#include "io/csv.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace fluxsbi;
  using namespace fluxsbi::fuzz;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const bool empty_line_is_row : {false, true}) {
    survive([&] {
      const io::Csv csv = io::parse_csv(text, file_name, {empty_line_is_row, {}});
      check(csv.values);
      demand(csv.values.shape.size() == 2 &&
             (csv.columns.empty() || csv.values.shape[1] == static_cast<int64_t>(csv.columns.size())));
    });
  }
  return 0;
}
