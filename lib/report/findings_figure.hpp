// The graphs of findings in one picture.
#pragma once

#include <span>
#include <string>

#include "diagnose/finding.hpp"
#include "report/figure.hpp"

namespace fluxsbi::report {

/// Every graph of the findings in their order, two side by side (four, where there are more than twelve),
/// with each finding's verdict behind the graph's title. `title` stands above them; "": none. The figure's
/// numbers are those of all graphs beside each other. Throws UserError where no finding has a graph.
Figure findings_figure(std::span<const diagnose::Finding> findings, const std::string& title);

}  // namespace fluxsbi::report
