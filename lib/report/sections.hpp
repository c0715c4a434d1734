// The sections of a report, in the order in which they stand in it.
#pragma once

#include "report/content.hpp"
#include "report/html.hpp"

namespace fluxsbi::report {

/// What passed, what failed and what to do; all tests as a table.
void write_verdict(Html& html, const Part<std::vector<diagnose::Finding>>& findings);
/// The observation, the corner plot with prior and truth, the table of summaries.
void write_posterior(Html& html, const Part<PosteriorContent>& posterior);
/// What the tests of calibration found, with their graphs.
void write_calibration(Html& html, const Part<std::vector<diagnose::Finding>>& findings);
/// The same of tests that look at x itself.
void write_predictive(Html& html, const Part<std::vector<diagnose::Finding>>& findings);
void write_training(Html& html, const Part<TrainingCurves>& curves);
/// Ranges, missing values, transforms and a histogram of every variable; what the look at the data found.
void write_data(Html& html, const Part<DataContent>& data);
void write_card_rules(Html& html, const Part<std::vector<std::string>>& rules);
void write_config(Html& html, const Part<std::string>& config);
void write_versions(Html& html, const ReportContent& content);
void write_commands(Html& html, const ReportContent& content);

}  // namespace fluxsbi::report
