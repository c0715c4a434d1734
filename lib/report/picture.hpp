// Figures as files.
#pragma once

#include <string>

#include "report/figure.hpp"

namespace fluxsbi::report {

/// True where rsvg-convert can be started, with which PNG files are made.
bool has_png();

/// Writes the figure at `path`, completely or not at all: .svg, or .png (with a white ground), which
/// rsvg-convert (librsvg) makes of the same SVG. Where that program is missing the SVG is written beside
/// `path`, and a warning names the package to install. Returns the path that was written. Throws UserError
/// for another extension, where rsvg-convert reports a problem (with its first line), where the file cannot
/// be written, or where such an .svg exists and `force` is not set; core::Interrupted when a signal asked to
/// stop.
std::string write_picture(const Figure& figure, const std::string& path, bool force = false);

}  // namespace fluxsbi::report
