#include "core/error.hpp"

namespace fluxsbi::core {

namespace {

std::string join_lines(const std::vector<std::string>& lines) {
  std::string text;
  for (const auto& line : lines) text += (text.empty() ? "" : "\n") + line;
  return text;
}

}  // namespace

UserErrors::UserErrors(const std::vector<std::string>& lines) : UserError(join_lines(lines)) {}

void require(bool condition, const char* message) {
  if (!condition) throw InternalError(message);
}

}  // namespace fluxsbi::core
