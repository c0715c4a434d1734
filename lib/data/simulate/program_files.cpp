#include "data/simulate/program_files.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string_view>

#include <unistd.h>

#include "io/atomic_file.hpp"
#include "io/output.hpp"
#include "io/source.hpp"

namespace fluxsbi::data {

namespace {

constexpr std::array<std::string_view, 12> script_extensions{".py", ".r", ".jl",  ".sh", ".bash", ".pl",
                                                             ".rb", ".m", ".lua", ".js", ".awk",  ".stan"};

bool is_program(const std::string& path) {
  constexpr uintmax_t largest = uintmax_t{1} << 28;  // bytes; a larger file takes too long to sum
  std::error_code problem;
  if (!std::filesystem::is_regular_file(path, problem) ||
      std::filesystem::file_size(path, problem) > largest || problem)
    return false;
  const std::string extension = io::extension_of(path);
  return access(path.c_str(), X_OK) == 0 ||
         std::find(script_extensions.begin(), script_extensions.end(), extension) != script_extensions.end();
}

}  // namespace

std::vector<std::string> program_files(const std::string& command) {
  constexpr std::string_view ends = " \t\r\n'\"`();|&<>=";
  std::vector<std::string> files;
  bool written = false;  // the next word is a file that the command writes
  for (size_t at = 0; at < command.size();) {
    const size_t end = std::min(command.find_first_of(ends, at), command.size());
    const std::string word = command.substr(at, end - at);
    if (!word.empty()) {
      const bool known = std::find(files.begin(), files.end(), word) != files.end();
      if (!written && !known && is_program(word)) files.push_back(word);
      written = false;
    }
    if (end < command.size() && command[end] == '>') written = true;
    at = end + 1;
  }
  return files;
}

std::string program_text(const std::string& command) {
  std::string text = "command '" + command + "'";
  std::replace(text.begin(), text.end(), '\n', ' ');
  for (const std::string& file : program_files(command)) {
    std::array<char, 16> sum;
    std::snprintf(sum.data(), sum.size(), " %08x",
                  static_cast<unsigned>(io::crc32(io::FileSource(file).read_all())));
    text += ", " + file + sum.data();
  }
  return text;
}

}  // namespace fluxsbi::data
