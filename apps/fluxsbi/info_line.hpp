// The lines of `fluxsbi info`.
#pragma once

#include <string>

namespace fluxsbi::app {

/// "NAME  VALUE" and a line feed, values below each other.
inline std::string info_line(const std::string& name, const std::string& value) {
  return name + std::string(name.size() < 18 ? 18 - name.size() : 1, ' ') + value + "\n";
}

}  // namespace fluxsbi::app
