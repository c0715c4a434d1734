#include "io/kept_inputs.hpp"

#include <filesystem>

#include "core/error.hpp"

namespace fluxsbi::io {

namespace fs = std::filesystem;

void refuse_input_as_output(const std::string& path, const std::vector<std::string>& inputs) {
  for (const std::string& input : inputs) {
    for (const std::string& file : {input, input.substr(0, input.rfind(':'))}) {
      std::error_code ignored;
      if (!file.empty() && fs::is_regular_file(file, ignored) && fs::equivalent(file, path, ignored))
        throw core::UserError("-o " + path + ": is the file " + file + " that is read; name another output");
    }
  }
}

}  // namespace fluxsbi::io
