#include "report/picture.hpp"

#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "core/process.hpp"
#include "core/stop.hpp"
#include "io/atomic_file.hpp"
#include "io/output.hpp"

namespace fluxsbi::report {

namespace {

constexpr const char* remedy =
    "install rsvg-convert (apt install librsvg2-bin), or write .svg, which needs nothing and which browsers "
    "show";

// Runs "rsvg-convert ARGUMENTS..." on a text; nothing if it cannot be started.
std::optional<core::CommandResult> run_converter(std::vector<std::string> arguments, std::string_view input) {
  arguments.insert(arguments.begin(), "rsvg-convert");
  try {
    return core::run(
        {.arguments = std::move(arguments), .input = input, .environment = {}, .stop = core::stop_requested});
  } catch (const std::system_error&) {
    return {};
  }
}

std::string png_of(const std::string& svg, const std::string& path) {
  auto result = run_converter({"--format=png", "--background-color=white"}, svg);
  if (!result) throw core::UserError("cannot draw " + path + ": rsvg-convert was not found; " + remedy);
  if (result->stopped) {
    const int signal = core::stop_requested();
    throw core::Interrupted(
        signal, std::string("drawing was stopped by ") + core::signal_name(signal) + "; nothing was written");
  }
  if (result->status != 0 || !result->output.starts_with("\x89PNG"))
    throw core::UserError("cannot draw " + path + ": rsvg-convert said \"" +
                          result->error_tail.substr(0, result->error_tail.find('\n')) + "\"; " + remedy);
  return std::move(result->output);
}

}  // namespace

bool has_png() {
  const auto result = run_converter({"--version"}, "");
  return result && result->status == 0;
}

void write_picture(const Figure& figure, const std::string& path) {
  const std::string extension = io::extension_of(path);
  if (extension != ".svg" && extension != ".png")
    throw core::UserError(path + ": pictures are written as .png or .svg");
  const std::string svg = svg_file(figure);
  io::write_text(path, extension == ".svg" ? svg : png_of(svg, path));
}

}  // namespace fluxsbi::report
