// Pictures drawn by gnuplot, which is run as a program and must be in PATH.
#pragma once

#include <string>

namespace fluxsbi::report {

/// True where a gnuplot can be started.
bool has_gnuplot();

/// The `set terminal` and `set output` lines come from here: PNG (pngcairo) or SVG by the extension of
/// `path`, `width` x `height` in pixels. Runs `script` and puts the picture at `path`, completely or not at
/// all. Throws UserError for another extension, where gnuplot is missing (with the package to install), where
/// it reports a problem (with its first line), or where the file cannot be written;
/// core::Interrupted when a signal asked to stop.
void draw(const std::string& script, int width, int height, const std::string& path);

/// Text as a string of gnuplot's language, in single quotes.
std::string gnuplot_string(const std::string& text);

}  // namespace fluxsbi::report
