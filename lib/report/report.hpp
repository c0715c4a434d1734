// The report of a run: one file of HTML for a colleague who has neither the program nor a network.
#pragma once

#include <string>

#include "report/content.hpp"

namespace fluxsbi::report {

/// The page: verdict, posterior at x_o, calibration, predictive check, training, data, model card, config,
/// versions, commands. A part that is not there says why. Throws UserError for a posterior whose parts do not
/// fit together.
std::string report_page(const ReportContent& content);

/// Writes it, completely or not at all. Throws as report_page does, and UserError for a file that cannot be
/// written.
void write_report(const ReportContent& content, const std::string& path);

}  // namespace fluxsbi::report
