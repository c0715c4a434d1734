#include "report/gnuplot.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/error.hpp"
#include "io/atomic_file.hpp"
#include "io/output.hpp"

extern char** environ;

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

// Exit status of "gnuplot ARGUMENTS...", or -1 if it cannot be started. All that it prints goes to `log`.
int run_gnuplot(std::vector<std::string> arguments, const std::string& log) {
  arguments.insert(arguments.begin(), "gnuplot");
  std::vector<char*> words;
  for (std::string& argument : arguments) words.push_back(argument.data());
  words.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  pid_t child = 0;
  const int failure = posix_spawnp(&child, "gnuplot", &actions, nullptr, words.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failure != 0) return -1;
  int status = 0;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
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

std::string quoted(const std::string& text) {
  std::string escaped = "'";
  for (const char c : text) {
    if (c == '\n' || c == '\r') continue;  // would end the command
    escaped += c;
    if (c == '\'') escaped += c;
  }
  return escaped + "'";
}

bool has_gnuplot() {
  return run_gnuplot({"--version"}, "/dev/null") == 0;
}

void draw(const std::string& script, int width, int height, const std::string& path) {
  const std::string setting = terminal(path, width, height);
  const ScratchFolder folder;
  const std::string picture = folder.file("picture"), commands = folder.file("script.gp");
  std::ofstream(commands) << "set encoding utf8\nset terminal " << setting << "\nset output "
                          << quoted(picture) << "\n"
                          << script << "\nunset output\n";
  const int status = run_gnuplot({"-d", commands}, folder.file("log"));
  if (status == -1 || status == 127)
    throw core::UserError("cannot draw " + path + ": gnuplot was not found; " + remedy);
  const std::string bytes = read_file(picture);
  if (status != 0 || bytes.empty())
    throw core::UserError("cannot draw " + path + ": gnuplot said \"" +
                          first_message(read_file(folder.file("log"))) + "\"; " + remedy);
  io::AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

}  // namespace fluxsbi::report
