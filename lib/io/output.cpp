#include "io/output.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>

#include <unistd.h>

#include "core/error.hpp"
#include "core/text.hpp"
#include "io/atomic_file.hpp"

namespace fluxsbi::io {

namespace fs = std::filesystem;

std::string extension_of(const std::string& path) {
  std::string extension = fs::path(path).extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return extension;
}

void check_output(const std::string& path, bool force, const std::vector<std::string>& extensions) {
  const std::string extension = extension_of(path);
  if (!extensions.empty() && std::find(extensions.begin(), extensions.end(), extension) == extensions.end()) {
    const std::string found = extension.empty() ? "the name has no extension"
                                                : "the extension '" + extension + "' cannot be written here";
    const bool arrays = std::find(extensions.begin(), extensions.end(), ".npz") != extensions.end();
    throw core::UserError("-o " + path + ": " + found + "; use one of " + core::join(extensions) +
                          (extension == ".csv" && arrays ? "; 'fluxsbi export' makes a .csv of them" : ""));
  }
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) throw core::UserError("-o " + path + ": is a folder; name a file");
  const fs::path parent = fs::path(path).parent_path();
  const std::string folder = parent.empty() ? "." : parent.string();
  if (!fs::is_directory(folder, ignored)) {
    throw core::UserError("-o " + path + ": the folder " + folder + " does not exist; create it first");
  }
  const bool device = fs::exists(path, ignored) && !fs::is_regular_file(path, ignored);  // written as it is
  if (!device && access(folder.c_str(), W_OK) != 0) {
    throw core::UserError("-o " + path + ": the folder " + folder +
                          " cannot be written to; choose another, or change its permissions");
  }
  if (!device) refuse_existing(path, force);
}

}  // namespace fluxsbi::io
