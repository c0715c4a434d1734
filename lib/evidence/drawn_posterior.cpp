#include "evidence/drawn_posterior.hpp"

#include <utility>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/files/names.hpp"
#include "evidence/gather.hpp"
#include "evidence/observed.hpp"
#include "report/run_folder.hpp"
#include "sample/files/disagreement.hpp"

namespace fluxsbi::evidence {

report::PosteriorContent drawn_posterior(sample::Posterior& posterior, const DrawnRequest& request) {
  const data::DataShape& shape = posterior.shape();
  if (shape.x_dim == 0)
    throw core::UserError("--x " + request.x +
                          ": the model was trained without x; give its draws by --samples");
  const ObservedRows rows = read_observed(posterior, request.x, request.row);
  if (rows.names.size() > 1)
    throw core::UserError("--x " + request.x + " holds several rows; say which one with --row");
  report::PosteriorContent content;
  content.observation = rows.names.front();
  content.x_names = data::feature_names(posterior.x_names(), shape.x_channels);
  content.x = rows.x;
  content.names = data::feature_names(posterior.theta_names(), shape.theta_channels);
  if (!request.truth.empty() && request.truth.size() != content.names.size())
    throw core::UserError("--truth has " + core::count_text(std::ssize(request.truth), "number") +
                          ", but the model infers " + std::to_string(content.names.size()) +
                          "; give one for each: " + core::list_first(content.names));
  content.truth = request.truth;
  content.remarks = report::observation_sentences(posterior.reference(), posterior.refined_for(), content.x,
                                                  content.x_names);
  sample::Samples drawn =
      posterior.sample(content.x, 1, request.draws, request.seed, 0, posterior.sampling());
  if (const int64_t lost = drawn.unfilled(); lost > 0)
    content.remarks.push_back(core::count_text(lost, "draw") +
                              " could not be filled and stand nowhere in what follows.");
  if (drawn.unfilled() == request.draws)
    throw core::UserError("--x " + request.x +
                          ": not one draw lies inside the prior's support; correct the prior " +
                          "or the observation");
  for (const auto& row :
       sample::disagreements({drawn.values, drawn.filled, 1, request.draws, posterior.members()},
                             posterior.standardiser(/*all_tokens=*/false)))
    content.remarks.push_back(report::agreement_sentence(row, posterior.members(), content.names));
  content.draws = std::move(drawn.values);
  draw_prior(posterior, request.seed, content.prior);
  return content;
}

}  // namespace fluxsbi::evidence
