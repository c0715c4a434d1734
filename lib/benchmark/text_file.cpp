#include "benchmark/text_file.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include "core/error.hpp"

namespace fluxsbi::benchmark {

std::string text_of_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw core::UserError(path + ": cannot be read: " + std::strerror(errno));
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace fluxsbi::benchmark
