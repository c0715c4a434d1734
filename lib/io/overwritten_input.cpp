#include "io/overwritten_input.hpp"

#include <filesystem>

#include "core/error.hpp"

namespace fluxsbi::io {

namespace {

// The file itself, or that of "FILE:KEY".
bool is_same(const std::string& output, const std::string& input) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  if (!fs::is_regular_file(output, ignored)) return false;  // nothing lies there, or it is a device
  if (fs::equivalent(output, input, ignored)) return true;
  const size_t colon = input.rfind(':');
  return colon != std::string::npos && fs::equivalent(output, input.substr(0, colon), ignored);
}

}  // namespace

void refuse_overwriting(const std::string& output, const std::vector<std::string>& inputs) {
  for (const std::string& input : inputs) {
    if (!input.empty() && is_same(output, input))
      throw core::UserError("-o " + output + ": is a file that this command reads (" + input +
                            "), and would be lost; give the output another name");
  }
}

}  // namespace fluxsbi::io
