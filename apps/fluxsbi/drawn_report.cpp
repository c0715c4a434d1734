#include "drawn_report.hpp"

#include "evidence/drawn_posterior.hpp"
#include "experiment/open_posterior.hpp"

namespace fluxsbi::app {

void draw_posterior(const std::string& run, const DrawnPosterior& asked,
                    const report::SamplesRequest& samples, report::ReportContent& content) {
  sample::Posterior posterior = experiment::open_posterior(run, {}, "float32");
  content.posterior.content =
      evidence::drawn_posterior(posterior, {asked.x, samples.row, asked.draws, asked.seed, samples.truth});
}

}  // namespace fluxsbi::app
