#include "experiment/sampling.hpp"

#include <span>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/memory.hpp"
#include "core/system.hpp"
#include "core/text.hpp"
#include "data/files/given.hpp"
#include "data/files/observations.hpp"
#include "experiment/kept_work.hpp"
#include "experiment/observation_check.hpp"
#include "sample/files/sample_file.hpp"

namespace fluxsbi::experiment {

namespace {

// What the samples of each row are conditioned on, for the rows of all shards.
struct AskedRows {
  sample::Question::Kind kind = sample::Question::Kind::x;
  int64_t rows = 0;
  std::vector<double> values;  // [rows, tokens, channels]
};

AskedRows read_given(const SamplingRequest& request, const sample::Posterior& posterior) {
  if (!posterior.joint()) {
    throw core::UserError("--given " + request.given + ": " + request.model +
                          " cannot infer blank cells: it was trained for theta given x; use --x, or train "
                          "flux1joint or simformer");
  }
  data::Given given = data::load_given(request.given, posterior.shape(), posterior.theta_names(),
                                       posterior.x_names(), posterior.prior());
  if (!given.absent.empty()) {
    core::log::info(request.given + " has no column " + core::join(given.absent) +
                    ", which is therefore inferred in all rows");
  }
  return {sample::Question::Kind::given, given.rows, std::move(given.values)};
}

AskedRows read_x(const SamplingRequest& request, const sample::Posterior& posterior) {
  if (posterior.shape().x_dim == 0) {
    throw core::UserError("--x " + request.x + ": " + request.model +
                          " was trained without x; leave --x out to draw theta");
  }
  auto observations =
      data::load_observations(request.x, posterior.shape(), posterior.x_names(), posterior.joint());
  return {sample::Question::Kind::x, observations.rows, std::move(observations.x)};
}

AskedRows joint_distribution(const SamplingRequest& request, const sample::Posterior& posterior) {
  if (!posterior.joint()) {
    throw core::UserError("--x is missing: " + request.model +
                          " draws theta given x; name the file of the observations");
  }
  core::log::info("neither --x nor --given was given: drawing the joint distribution of " +
                  core::join(data::joint_names(posterior.theta_names(), posterior.x_names())));
  data::Given nothing = data::nothing_given(posterior.shape());
  return {sample::Question::Kind::given, nothing.rows, std::move(nothing.values)};
}

AskedRows read_rows(const SamplingRequest& request, const sample::Posterior& posterior) {
  if (!request.x.empty() && !request.given.empty())
    throw core::UserError("give --x or --given, not both: --given holds the observations, too");
  if (!request.given.empty()) return read_given(request, posterior);
  if (!request.x.empty()) return read_x(request, posterior);
  return joint_distribution(request, posterior);
}

// All that decides what is drawn for rows of a question.
WorkDescription describe(sample::Posterior& posterior, const SamplingRequest& request,
                         const sample::Question& question, const sample::RowRange& range,
                         const sample::SamplingOptions& options) {
  WorkDescription work("sample", posterior);
  work.add("question", question.kind == sample::Question::Kind::x ? "theta given x" : "cells given others");
  work.add("rows", std::to_string(range.first) + " to " + std::to_string(range.first + range.rows - 1));
  work.add("values of these rows", question.values);
  work.add("draws", std::to_string(request.draws));
  work.add("seed", std::to_string(request.seed));
  work.add("samples a chunk", std::to_string(posterior.chunk_size(options)));
  work.add(options);
  return work;
}

}  // namespace

SamplingOutcome sample_to_file(sample::Posterior& posterior, const SamplingRequest& request,
                               const sample::SamplingOptions& options, const sample::Progress& progress) {
  const AskedRows all = read_rows(request, posterior);
  const sample::RowRange range = sample::rows_of_shard(request.shard, all.rows);
  const data::DataShape& shape = posterior.shape();
  const bool given = all.kind == sample::Question::Kind::given;
  sample::Question question{all.kind, {}, shape.x_dim, shape.x_channels};
  if (given) question.tokens += shape.theta_dim;
  const int64_t size = question.tokens * question.channels;
  question.values = std::span<const double>(all.values).subspan(range.first * size, range.rows * size);

  const int64_t drawn = given ? question.tokens : shape.theta_dim;
  core::require_memory(
      static_cast<double>(range.rows) * static_cast<double>(request.draws) * static_cast<double>(drawn) *
          static_cast<double>(shape.theta_channels) * sizeof(decltype(sample::Samples::values)::value_type),
      request.output + ": " + std::to_string(range.rows) + " x " + std::to_string(request.draws) +
          " samples of " + std::to_string(drawn * shape.theta_channels) + " numbers",
      "draw fewer (-n), or part of the rows at a time (--shard i/n)");
  check_observations(posterior, question.values, range, given ? request.given : request.x, request.strict);
  const double begin = core::steady_seconds();
  const auto draw = given ? &sample::Posterior::sample_given : &sample::Posterior::sample;
  KeptWork kept(posterior, request.output, request.force,
                describe(posterior, request, question, range, options));
  sample::Samples samples = kept.run([&] {
    return (posterior.*draw)(question.values, range.rows, request.draws, request.seed, range.first, options,
                             progress);
  });
  const SamplingOutcome outcome{samples.rows, samples.evaluations, samples.acceptance(),
                                core::steady_seconds() - begin};

  if (!request.partial && none_filled(samples.filled)) {
    kept.finish();  // the next try would only repeat it
    refuse_unfilled(request.output, samples.filled.size());
  }
  const int64_t disagreeing = check_agreement(posterior, samples, range, given ? request.given : request.x);
  sample::Origin origin;
  origin.seed = request.seed;
  origin.model = posterior.identity();
  origin.first_row = range.first;
  origin.total_rows = all.rows;
  origin.shard = request.shard;
  origin.theta_names = posterior.theta_names();
  origin.x_names = posterior.x_names();
  origin.members = posterior.members();
  sample::save_samples(request.output, std::move(samples), question, origin, request.number_type);
  kept.finish();
  if (request.strict && disagreeing > 0)
    throw core::DiagnosticFailed("the members of the ensemble disagree about " +
                                 core::count_text(disagreeing, "row") + " of " + std::to_string(range.rows) +
                                 ", and --strict was given; " + request.output + " was written");
  return outcome;
}

}  // namespace fluxsbi::experiment
