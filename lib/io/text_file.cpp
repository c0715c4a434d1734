#include "io/text_file.hpp"

#include <cerrno>
#include <fstream>
#include <iterator>

#include "core/error.hpp"
#include "core/io_problem.hpp"

namespace fluxsbi::io {

std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw core::UserError(path + ": cannot be read: " + core::io_problem(errno));
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace fluxsbi::io
