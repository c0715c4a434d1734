// The figure of what a test of a posterior found: lines with a band, histograms, points, a diagonal.
#pragma once

#include "diagnose/finding.hpp"
#include "report/figure.hpp"

namespace fluxsbi::report {

/// A graph with its title above and a legend below it, for which the figure grows beyond `size`. Values that
/// are not finite interrupt lines. The description says where each curve begins and ends, and how many of its
/// values lie outside the band.
Figure graph_figure(const diagnose::Graph& graph, const FigureSize& size = {440, 300, 12});

}  // namespace fluxsbi::report
