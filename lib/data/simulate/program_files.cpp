#include "data/simulate/program_files.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string_view>

#include <unistd.h>

#include "core/text.hpp"
#include "io/atomic_file.hpp"
#include "io/output.hpp"
#include "io/source.hpp"

namespace fluxsbi::data {

namespace {

constexpr std::array<std::string_view, 12> script_extensions{".py", ".r", ".jl",  ".sh", ".bash", ".pl",
                                                             ".rb", ".m", ".lua", ".js", ".awk",  ".stan"};

// A file whose checksum can be taken.
bool is_file(const std::string& path) {
  constexpr uintmax_t largest = uintmax_t{1} << 28;  // bytes; a larger file takes too long to sum
  std::error_code problem;
  return std::filesystem::is_regular_file(path, problem) &&
         std::filesystem::file_size(path, problem) <= largest && !problem && access(path.c_str(), R_OK) == 0;
}

bool is_program(const std::string& path) {
  const std::string extension = io::extension_of(path);
  return access(path.c_str(), X_OK) == 0 ||
         std::find(script_extensions.begin(), script_extensions.end(), extension) != script_extensions.end();
}

struct Word {
  std::string text;
  bool quoted, written;  ///< in quotes at least in part; behind > or >>
};

// The words of a command as a shell cuts it, and at = as in --table=FILE.
std::vector<Word> words_of(const std::string& command) {
  constexpr std::string_view ends = " \t\r\n`();|&<>=";
  std::vector<Word> words;
  Word word{"", false, false};
  char quote = 0;
  const auto finish = [&](bool written_next) {
    if (!word.text.empty()) words.push_back(word);
    word = {"", false, written_next || (word.text.empty() && word.written)};
  };
  for (size_t at = 0; at < command.size(); ++at) {
    const char c = command[at];
    const bool escapes = c == '\\' && quote != '\'' && at + 1 < command.size();
    if (escapes) {
      word.text += command[++at];
    } else if (quote != 0) {
      if (c == quote) quote = 0;
      if (quote != 0) word.text += c;
    } else if (c == '\'' || c == '"') {
      quote = c;
      word.quoted = true;
    } else if (ends.find(c) != std::string_view::npos) {
      finish(c == '>');
    } else {
      word.text += c;
    }
  }
  finish(false);
  return words;
}

// Adds the files of `command`; a quoted word that names none may be a command by itself, as behind sh -c.
void add_files(const std::string& command, bool programs, std::vector<std::string>& files) {
  for (const Word& word : words_of(command)) {
    const bool known = std::find(files.begin(), files.end(), word.text) != files.end();
    if (word.written || known) continue;
    if (is_file(word.text)) {
      if (is_program(word.text) == programs) files.push_back(word.text);
    } else if (word.quoted && word.text != command) {
      add_files(word.text, programs, files);
    }
  }
}

std::vector<std::string> files_of(const std::string& command, bool programs) {
  std::vector<std::string> files;
  add_files(command, programs, files);
  return files;
}

std::string with_sum(const std::string& file) {
  std::array<char, 16> sum;
  std::snprintf(sum.data(), sum.size(), " %08x",
                static_cast<unsigned>(io::crc32(io::FileSource(file).read_all())));
  return file + sum.data();
}

}  // namespace

std::vector<std::string> program_files(const std::string& command) {
  return files_of(command, true);
}

std::vector<std::string> data_files(const std::string& command) {
  return files_of(command, false);
}

std::string program_text(const std::string& command) {
  std::string text = "command '" + command + "'";
  std::replace(text.begin(), text.end(), '\n', ' ');
  for (const std::string& file : program_files(command)) text += ", " + with_sum(file);
  return text;
}

std::string data_text(const std::string& command) {
  std::vector<std::string> sums;
  for (const std::string& file : data_files(command)) sums.push_back(with_sum(file));
  return core::join(sums);
}

}  // namespace fluxsbi::data
