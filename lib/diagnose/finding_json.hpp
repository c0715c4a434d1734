// Findings as JSON: what `fluxsbi diagnose` leaves in diagnostics/NAME.json and `fluxsbi report` shows.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "diagnose/finding.hpp"

namespace fluxsbi::diagnose {

/// A JSON array with an object for each finding, whose keys are the members' names; numbers have all digits
/// that a double needs. JSON has neither NaN nor infinity: NaN is null, infinities are the strings "inf" and
/// "-inf". Members that hold nothing (no p-value, no band) are left out. `verdict` is "pass", "fail",
/// "not_enough" or "measured".
std::string to_json(std::span<const Finding> findings);

/// What to_json wrote. Keys that it does not know are passed over, so that older programs read newer files.
/// Throws UserError that names `path`, and the finding and key where there is one, for text that is not such
/// an array.
std::vector<Finding> findings_from_json(std::string_view text, const std::string& path);

}  // namespace fluxsbi::diagnose
