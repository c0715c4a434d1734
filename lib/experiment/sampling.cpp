#include "experiment/sampling.hpp"

#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/stop.hpp"
#include "core/system.hpp"
#include "core/text.hpp"
#include "data/files/given.hpp"
#include "data/files/observations.hpp"
#include "experiment/kept_work.hpp"
#include "experiment/observation_check.hpp"
#include "sample/files/sample_writer.hpp"
#include "sample/mixture.hpp"

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
      request.x_values
          ? data::observations_of(*request.x_values, request.x, posterior.shape(), posterior.x_names(),
                                  posterior.joint())
          : data::load_observations(request.x, posterior.shape(), posterior.x_names(), posterior.joint());
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
  work.add("dtype", std::string(enum_names(request.number_type)[static_cast<size_t>(request.number_type)]));
  work.add("samples a chunk", std::to_string(posterior.chunk_size(options)));
  work.add(options);
  return work;
}

// What else than seed and model is the same for all shards of one run.
std::string shared_work(const AskedRows& all, const sample::SamplingOptions& options) {
  const sample::SamplingOptions defaults;
  sample::SamplingOptions deciding = options;
  deciding.chunk = defaults.chunk;
  deciding.memory_gb = defaults.memory_gb;
  WorkDescription work;
  work.add("values of all rows", all.values);
  work.add(deciding);
  return work.text();
}

sample::Origin origin_of(const sample::Posterior& posterior, const SamplingRequest& request,
                         const AskedRows& all, const sample::RowRange& range,
                         const sample::SamplingOptions& options) {
  sample::Origin origin;
  origin.seed = request.seed;
  origin.model = posterior.identity();
  origin.first_row = range.first;
  origin.total_rows = all.rows;
  origin.shard = request.shard;
  origin.theta_names = posterior.theta_names();
  origin.x_names = posterior.x_names();
  origin.members = posterior.members();
  origin.work = shared_work(all, options);
  return origin;
}

// Draws block by block, each of which is written before the next one is drawn.
class StreamedSampling {
 public:
  /// state: of the journal, where another run goes on; else "".
  StreamedSampling(sample::SampleWriter& writer, AgreementCheck& agreement, sample::ChunkJournal* journal,
                   std::string state)
      : writer_(writer), agreement_(agreement), journal_(journal), state_(std::move(state)) {}

  void run(sample::MixtureDrawing& drawing, const sample::Progress& progress) {
    restore(drawing);
    while (drawing.done() < drawing.total()) {
      const sample::SampleBlock block = drawing.next(drawing.block_items(), progress);
      try {
        take(drawing, block);
      } catch (const core::UserError& problem) {
        fail(problem);
      }
    }
    drawing.finish();
  }

 private:
  void restore(sample::MixtureDrawing& drawing) {
    if (state_.empty()) return;
    const auto kept = nlohmann::json::parse(state_);
    drawing.restore(kept.at("drawing").get<std::string>());
    agreement_.restore(kept.at("agreement").get<std::string>());
  }

  void take(const sample::MixtureDrawing& drawing, const sample::SampleBlock& block) {
    writer_.append(block.values, block.filled);
    agreement_.add(block.values, block.filled);
    if (!journal_) return;
    const nlohmann::json state{
        {"drawing", drawing.state()}, {"agreement", agreement_.state()}, {"writer", writer_.state()}};
    journal_->checkpoint(state.dump(), [this] { writer_.sync(); });
  }

  // What can still be kept is: a disk that is full has room again for a state when the rest of a block goes.
  [[noreturn]] void fail(const core::UserError& problem) {
    const std::string what = problem.what(), remedy = "the same command then continues";
    writer_.drop_rest();
    try {
      if (journal_) journal_->flush();
    } catch (const core::UserError&) {  // what was kept before stays
    }
    if (!journal_ || !journal_->begun() || what.find(remedy) != std::string::npos)
      throw core::UserError(what);
    throw core::UserError(what + ". What was finished is kept in " + journal_->path() + "; " + remedy +
                          " where this one stopped");
  }

  sample::SampleWriter& writer_;
  AgreementCheck& agreement_;
  sample::ChunkJournal* journal_;
  std::string state_;
};

// The state that an earlier run left in the journal, with the samples that it speaks of; "" where there is
// none.
std::string kept_state(const sample::ChunkJournal* journal, const std::string& output) {
  if (!journal || journal->state().empty() || sample::SampleWriter::has_begun(output))
    return journal ? journal->state() : "";
  core::log::warning(journal->path() + " speaks of samples beside it that are gone; beginning anew");
  return "";
}

std::string writer_state(const std::string& state) {
  return state.empty() ? "" : nlohmann::json::parse(state).at("writer").get<std::string>();
}

}  // namespace

SamplingOutcome sample_to_file(sample::Posterior& posterior, const SamplingRequest& request,
                               const sample::SamplingOptions& options, const sample::Progress& progress) {
  const AskedRows all = read_rows(request, posterior);
  const sample::RowRange range = sample::rows_of_shard(request.shard, all.rows);
  const data::DataShape& shape = posterior.shape();
  const bool given = all.kind == sample::Question::Kind::given;
  const std::string& file = given ? request.given : request.x;
  sample::Question question{all.kind, {}, shape.x_dim, shape.x_channels};
  if (given) question.tokens += shape.theta_dim;
  const int64_t size = question.tokens * question.channels;
  question.values = std::span<const double>(all.values).subspan(range.first * size, range.rows * size);
  const int64_t drawn = given ? question.tokens : shape.theta_dim;
  check_observations(posterior, question.values, range, file, request.strict);

  const double begin = core::steady_seconds();
  KeptWork kept(posterior, request.output, request.force,
                describe(posterior, request, question, range, options));
  const std::string state = kept_state(kept.journal(), request.output);
  sample::SampleWriter writer(request.output, "sample",
                              {range.rows, request.draws, drawn, shape.theta_channels, question,
                               origin_of(posterior, request, all, range, options), request.number_type},
                              writer_state(state));
  AgreementCheck agreement(posterior, request.draws, given, range, file);
  StreamedSampling sampling(writer, agreement, kept.journal(), state);
  SamplingOutcome outcome;
  outcome.rows = range.rows;
  kept.run([&] {
    std::optional<core::InterruptScope> stops;
    if (request.interruptible) stops.emplace();
    using Asked = sample::Posterior::Asked;
    posterior.with_drawing(given ? Asked::given : Asked::x, question.values,
                           {range.rows, request.draws, request.seed, range.first}, options,
                           [&](sample::MixtureDrawing& drawing) {
                             sampling.run(drawing, progress);
                             outcome.drawn = drawing.drawn();
                             outcome.evaluations = drawing.evaluations();
                           });
  });
  outcome.seconds = core::steady_seconds() - begin;
  if (outcome.drawn > 0)
    outcome.acceptance = static_cast<double>(writer.filled()) / static_cast<double>(outcome.drawn);

  if (!request.partial && writer.items() > 0 && writer.filled() == 0) {
    kept.finish();  // the next try would only repeat it
    writer.give_up();
    refuse_unfilled(request.output, writer.items());
  }
  const int64_t disagreeing = agreement.finish();
  writer.commit(outcome.drawn);
  kept.finish();
  if (request.strict && disagreeing > 0)
    throw core::DiagnosticFailed("the members of the ensemble disagree about " +
                                 core::count_text(disagreeing, "row") + " of " + std::to_string(range.rows) +
                                 ", and --strict was given; " + request.output + " was written");
  return outcome;
}

}  // namespace fluxsbi::experiment
