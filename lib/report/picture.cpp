#include "report/picture.hpp"

#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/process.hpp"
#include "core/stop.hpp"
#include "io/atomic_file.hpp"
#include "io/output.hpp"

namespace fluxsbi::report {

namespace {

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

// Nothing where rsvg-convert is missing.
std::optional<std::string> png_of(const std::string& svg, const std::string& path) {
  auto result = run_converter({"--format=png", "--background-color=white"}, svg);
  if (!result) return {};
  if (result->stopped) {
    const int signal = core::stop_requested();
    throw core::Interrupted(
        signal, std::string("drawing was stopped by ") + core::signal_name(signal) + "; nothing was written");
  }
  if (result->status != 0 || !result->output.starts_with("\x89PNG"))
    throw core::UserError("cannot draw " + path + ": rsvg-convert said \"" +
                          result->error_tail.substr(0, result->error_tail.find('\n')) +
                          "\"; write .svg, which needs no program");
  return std::move(result->output);
}

std::string write_svg(const std::string& svg, const std::string& path) {
  io::write_text(path, svg);
  return path;
}

}  // namespace

bool has_png() {
  const auto result = run_converter({"--version"}, "");
  return result && result->status == 0;
}

std::string write_picture(const Figure& figure, const std::string& path, bool force) {
  const std::string extension = io::extension_of(path);
  if (extension != ".svg" && extension != ".png")
    throw core::UserError(path + ": pictures are written as .png or .svg");
  const std::string svg = svg_file(figure);
  if (extension == ".svg") return write_svg(svg, path);
  if (const auto png = png_of(svg, path)) {
    io::write_text(path, *png);
    return path;
  }
  const std::string beside = path.substr(0, path.size() - extension.size()) + ".svg";
  io::refuse_existing(beside, force);
  core::log::warning("rsvg-convert, which makes PNG, was not found: " + beside + " is written in place of " +
                     path + "; apt install librsvg2-bin brings it");
  return write_svg(svg, beside);
}

}  // namespace fluxsbi::report
