// Figures as files.
#pragma once

#include <string>

#include "report/figure.hpp"

namespace fluxsbi::report {

/// True where rsvg-convert can be started, with which PNG files are made.
bool has_png();

/// Writes the figure at `path`, completely or not at all: .svg, or .png (with a white ground), which
/// rsvg-convert (librsvg) makes of the same SVG. Throws UserError for another extension, where rsvg-convert
/// is missing (with the package to install, and that .svg needs nothing) or reports a problem (with its first
/// line), or where the file cannot be written; core::Interrupted when a signal asked to stop.
void write_picture(const Figure& figure, const std::string& path);

}  // namespace fluxsbi::report
