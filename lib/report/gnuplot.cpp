#include "report/gnuplot.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include <unistd.h>

#include "core/error.hpp"
#include "core/process.hpp"
#include "core/stop.hpp"
#include "io/atomic_file.hpp"
#include "io/output.hpp"

namespace fluxsbi::report {

namespace {

constexpr const char* remedy = "install gnuplot 5.2 or newer with cairo (apt install gnuplot-nox)";

// A folder of our own for the script and the picture, removed at the end.
class ScratchFolder {
 public:
  ScratchFolder() {
    path_ = (std::filesystem::temp_directory_path() / "fluxsbi-plot-XXXXXX").string();
    if (mkdtemp(path_.data()) == nullptr)
      throw core::UserError("cannot make a temporary folder " + path_ + ": " + std::strerror(errno) +
                            "; set TMPDIR to a folder that can be written");
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// Runs "gnuplot ARGUMENTS..."; nothing if it cannot be started.
std::optional<core::CommandResult> run_gnuplot(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "gnuplot");
  try {
    return core::run({.arguments = std::move(arguments), .environment = {}, .stop = core::stop_requested});
  } catch (const std::system_error&) {
    return {};
  }
}

// The first line of gnuplot's output that says something; it prints the place of an error on lines before.
std::string first_message(const std::string& log) {
  const size_t at = log.find("line ");
  const std::string text = log.substr(at == std::string::npos ? 0 : at);
  const size_t begin = text.find_first_not_of(" \n");
  return begin == std::string::npos ? "no message" : text.substr(begin, text.find('\n', begin) - begin);
}

std::string terminal(const std::string& path, int width, int height) {
  const std::string size = std::to_string(width) + "," + std::to_string(height);
  const std::string extension = io::extension_of(path);
  if (extension == ".png")
    return "pngcairo size " + size + " enhanced font 'DejaVu Sans,11' background rgb 'white'";
  if (extension == ".svg")
    return "svg size " + size + " dynamic enhanced font 'DejaVu Sans,14' background rgb 'white'";
  throw core::UserError(path + ": pictures are written as .png or .svg");
}

}  // namespace

std::string gnuplot_string(const std::string& text) {
  std::string escaped = "'";
  for (const char c : text) {
    if (c == '\n' || c == '\r') continue;  // would end the command
    escaped += c;
    if (c == '\'') escaped += c;
  }
  return escaped + "'";
}

bool has_gnuplot() {
  const auto result = run_gnuplot({"--version"});
  return result && result->status == 0;
}

void draw(const std::string& script, int width, int height, const std::string& path) {
  const std::string setting = terminal(path, width, height);
  const ScratchFolder folder;
  const std::string picture = folder.file("picture"), commands = folder.file("script.gp");
  std::ofstream(commands) << "set encoding utf8\nset terminal " << setting << "\nset output "
                          << gnuplot_string(picture) << "\n"
                          << script << "\nunset output\n";
  const auto result = run_gnuplot({"-d", commands});
  if (!result) throw core::UserError("cannot draw " + path + ": gnuplot was not found; " + remedy);
  if (result->stopped) {
    const int signal = core::stop_requested();
    throw core::Interrupted(
        signal, std::string("drawing was stopped by ") + core::signal_name(signal) + "; nothing was written");
  }
  const std::string bytes = read_file(picture);
  if (result->status != 0 || bytes.empty())
    throw core::UserError("cannot draw " + path + ": gnuplot said \"" + first_message(result->error_tail) +
                          "\"; " + remedy);
  io::AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

}  // namespace fluxsbi::report
