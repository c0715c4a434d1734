#include "data/source/parts.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <string_view>

#include <glob.h>

#include "core/error.hpp"
#include "io/files.hpp"
#include "io/output.hpp"

namespace fluxsbi::data {

namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 5> extensions{".npz", ".h5", ".hdf5", ".csv", ".npy"};

// Numbers in names are compared as numbers.
bool comes_before(const std::string& a, const std::string& b) {
  const auto digit = [](char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; };
  size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    if (!digit(a[i]) || !digit(b[j])) {
      if (a[i] != b[j]) return a[i] < b[j];
      ++i;
      ++j;
      continue;
    }
    const auto number = [&](const std::string& text, size_t& at) {
      while (at + 1 < text.size() && text[at] == '0' && digit(text[at + 1])) ++at;
      const size_t begin = at;
      while (at < text.size() && digit(text[at])) ++at;
      return std::string_view(text).substr(begin, at - begin);
    };
    const std::string_view x = number(a, i), y = number(b, j);
    if (x != y) return x.size() != y.size() ? x.size() < y.size() : x < y;
  }
  return a.size() - i < b.size() - j || (a.size() - i == b.size() - j && a < b);
}

std::vector<std::string> in_folder(const std::string& folder) {
  std::vector<std::string> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.is_regular_file()) files.push_back(entry.path().string());
  }
  return files;
}

std::vector<std::string> matching(const std::string& pattern) {
  glob_t found{};
  std::vector<std::string> files;
  if (glob(pattern.c_str(), 0, nullptr, &found) == 0)
    files.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  globfree(&found);
  return files;
}

// Data files in order, the two halves of a pair as one.
// A pattern may also name text that a folder more likely holds beside its data (notes.txt).
std::vector<std::string> data_files(std::vector<std::string> files, bool named) {
  std::erase_if(files, [&](const std::string& file) {
    const bool known =
        std::find(extensions.begin(), extensions.end(), io::extension_of(file)) != extensions.end();
    return !known && !(named && io::is_text_table(file));
  });
  constexpr std::string_view theta = "_theta.npy", x = "_x.npy";
  for (std::string& file : files) {
    for (const auto ending : {theta, x}) {
      if (file.ends_with(ending)) file = file.substr(0, file.size() - ending.size()) + ".npy";
    }
  }
  std::sort(files.begin(), files.end(), comes_before);
  files.erase(std::unique(files.begin(), files.end()), files.end());
  return files;
}

}  // namespace

std::vector<std::string> part_files(const std::vector<std::string>& names) {
  std::vector<std::string> parts;
  for (const std::string& name : names) {
    const bool folder = fs::is_directory(name);
    const bool pattern = !fs::exists(name) && name.find_first_of("*?[") != std::string::npos;
    if (!folder && !pattern) {
      parts.push_back(name);
      continue;
    }
    const auto files = data_files(folder ? in_folder(name) : matching(name), !folder);
    if (files.empty()) {
      throw core::UserError(name +
                            (folder ? ": the folder holds no data file" : ": no data file has such a name") +
                            " (.npz, .h5, .hdf5, .csv, or pairs OUT_theta.npy and OUT_x.npy)");
    }
    parts.insert(parts.end(), files.begin(), files.end());
  }
  return parts;
}

}  // namespace fluxsbi::data
