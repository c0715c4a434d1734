#include "experiment/sampling.hpp"

#include <memory>
#include <optional>
#include <span>
#include <string>
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
#include "experiment/correction.hpp"
#include "experiment/kept_work.hpp"
#include "experiment/observation_check.hpp"
#include "experiment/prior_change.hpp"
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

void check_together(const SamplingRequest& request) {
  if (request.x.empty() || !request.given.empty())
    throw core::UserError("--together needs --x, the file of the observations of one theta, and no --given");
  if (request.shard.count > 1)
    throw core::UserError(
        "--together and --shard exclude each other: observations of one theta are one question; draw with "
        "several seeds (--seed) instead");
}

void begin_together(const SamplingRequest& request, const AskedRows& all, const data::DataShape& shape) {
  if (all.rows == 0) throw core::UserError(request.x + " holds no observation to put together");
  if (all.rows == 1) {
    core::log::info(request.x + " holds one observation: there is nothing to put together");
    return;
  }
  const int64_t draws = sample::TogetherOptions().draws_of(all.rows, shape.theta_size());
  core::log::info("putting " + std::to_string(all.rows) + " observations of one theta together, after " +
                  std::to_string(draws) + " draws of the posterior of each");
}

// Lines of what the weights of draws follow from.
void add_weights(WorkDescription& work, const WeightedChoice& choice) {
  const auto [key, value] = choice.weigher().description();
  work.add(key, value);
  work.add("draws for each that is kept", std::to_string(choice.options().pool));
  work.add("fewest effective draws", std::to_string(choice.options().least_effective));
  if (choice.options().chain) work.add("chosen by", "a Metropolis chain");
}

// All that decides what is drawn for rows of a question.
WorkDescription describe(sample::Posterior& posterior, const SamplingRequest& request,
                         const sample::Question& question, const sample::RowRange& range,
                         const sample::SamplingOptions& options, const WeightedChoice* choice) {
  WorkDescription work("sample", posterior);
  work.add("question", question.kind == sample::Question::Kind::x ? "theta given x" : "cells given others");
  work.add("rows", std::to_string(range.first) + " to " + std::to_string(range.first + range.rows - 1));
  work.add("values of these rows", question.values);
  if (request.together) work.add("observations together", "yes");
  work.add("draws", std::to_string(request.draws));
  work.add("seed", std::to_string(request.seed));
  work.add("dtype", std::string(enum_names(request.number_type)[static_cast<size_t>(request.number_type)]));
  work.add("samples a chunk", std::to_string(posterior.chunk_size(options)));
  work.add(options);
  if (choice) add_weights(work, *choice);
  return work;
}

// What weighs the draws; null: nothing does.
std::unique_ptr<Weigher> weigher_of(sample::Posterior& posterior, const SamplingRequest& request,
                                    sample::Question::Kind kind, std::span<const double> x,
                                    const sample::SamplingOptions& options) {
  if (request.prior.empty() && request.likelihood.empty()) return nullptr;
  const std::string name =
      request.prior.empty() ? "--likelihood " + request.likelihood : "--prior " + request.prior;
  if (!request.prior.empty() && !request.likelihood.empty())
    throw core::UserError("--prior and --likelihood exclude each other: give one of them");
  if (kind != sample::Question::Kind::x)
    throw core::UserError(name +
                          " needs --x: questions of --given and the joint distribution have no posterior "
                          "of theta alone whose draws could be weighed");
  if (request.together && !request.likelihood.empty())
    throw core::UserError(name +
                          " and --together exclude each other: observations that are put together have no "
                          "density by which draws could be weighed");
  if (!request.prior.empty()) {
    // Observations together and guided draws have no density.
    const bool known = !request.together && options.guidance_scale == 1;
    return std::make_unique<PriorChange>(posterior, request.prior, known ? x : std::span<const double>(),
                                         options);
  }
  return std::make_unique<Correction>(posterior, request.likelihood, x, options);
}

// What else than seed and model is the same for all shards of one run.
WorkDescription shared_work(std::span<const double> values, const sample::SamplingOptions& options) {
  const sample::SamplingOptions defaults;
  sample::SamplingOptions deciding = options;
  deciding.chunk = defaults.chunk;
  deciding.memory_gb = defaults.memory_gb;
  WorkDescription work;
  work.add("values of all rows", values);
  work.add(deciding);
  return work;
}

// What the samples are of, where that is not the model's posterior (sample::Origin).
std::string target_text(const SamplingRequest& request, int64_t observations, const WeightedChoice* choice,
                        const sample::SamplingOptions& options) {
  std::string text;
  if (options.guidance_scale != 1)
    text += "draws with a guidance scale of " + core::number_text(options.guidance_scale);
  const bool together = request.together && observations > 1;
  if (!together && !choice) return text;
  text += text.empty() ? "the posterior" : " from the posterior";
  if (together) text += " of " + std::to_string(observations) + " observations of one theta together";
  if (choice) text += (together ? ", " : " ") + choice->weigher().what();
  return text;
}

sample::Origin origin_of(const sample::Posterior& posterior, const SamplingRequest& request,
                         const AskedRows& all, const sample::RowRange& range,
                         const sample::SamplingOptions& options, const WeightedChoice* choice) {
  sample::Origin origin;
  origin.seed = request.seed;
  origin.model = posterior.identity();
  origin.first_row = range.first;
  origin.total_rows = request.together ? 1 : all.rows;
  origin.shard = request.shard;
  origin.theta_names = posterior.theta_names();
  origin.x_names = posterior.x_names();
  origin.members = choice ? 1 : posterior.members();  // weights mix the members' draws
  origin.target = target_text(request, all.rows, choice, options);
  WorkDescription work = shared_work(all.values, options);
  if (choice) add_weights(work, *choice);
  origin.work = work.text();
  return origin;
}

// What draws become before they are written: those of a pool under another prior, or themselves.
struct Selection {
  WeightedChoice* choice = nullptr;
  int64_t draws = 0, first_row = 0;
  uint64_t seed = 0;

  int64_t pool() const { return choice ? choice->pool_of(draws) : draws; }
  /// Items of a block: whole rows where weights choose among them.
  int64_t block_items(const sample::MixtureDrawing& drawing) const {
    const int64_t items = drawing.block_items();
    if (!choice) return items;
    return std::min(std::max(items / pool(), int64_t{1}) * pool(), drawing.total() - drawing.done());
  }
};

// Draws block by block, each of which is written before the next one is drawn.
class StreamedSampling {
 public:
  /// state: of the journal, where another run goes on; else "".
  StreamedSampling(sample::SampleWriter& writer, AgreementCheck& agreement, const Selection& selection,
                   const KeptWork& kept, std::string state)
      : writer_(writer),
        agreement_(agreement),
        selection_(selection),
        kept_(kept),
        state_(std::move(state)) {}

  void run(sample::MixtureDrawing& drawing, const sample::Progress& progress) {
    restore(drawing);
    while (drawing.done() < drawing.total()) {
      const sample::SampleBlock block = drawing.next(selection_.block_items(drawing), progress);
      try {
        take(drawing, block);
      } catch (const core::UserError& problem) {
        writer_.drop_rest();  // a disk that is full then has room again for a state
        kept_.fail(problem);
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
    if (selection_.choice) selection_.choice->restore(kept.at("prior").get<std::string>());
  }

  void take(const sample::MixtureDrawing& drawing, const sample::SampleBlock& block) {
    write(block);
    agreement_.add(block.values, block.filled);
    if (!kept_.journal()) return;
    nlohmann::json state{
        {"drawing", drawing.state()}, {"agreement", agreement_.state()}, {"writer", writer_.state()}};
    if (selection_.choice) state["prior"] = selection_.choice->state();
    kept_.journal()->checkpoint(state.dump(), [this] { writer_.sync(); });
  }

  void write(const sample::SampleBlock& block) {
    if (!selection_.choice) return writer_.append(block.values, block.filled);
    const auto chosen =
        selection_.choice->choose(block, selection_.draws, selection_.seed, selection_.first_row);
    writer_.append(chosen.values, chosen.filled);
  }

  sample::SampleWriter& writer_;
  AgreementCheck& agreement_;
  Selection selection_;
  const KeptWork& kept_;
  std::string state_;
};

// What --strict makes of `count` rows that a warning named.
void fail_where(int64_t count, const std::string& problem, int64_t rows, const std::string& output) {
  if (count == 0) return;
  throw core::DiagnosticFailed(problem + core::count_text(count, "row") + " of " + std::to_string(rows) +
                               ", and --strict was given; " + output + " was written");
}

std::string writer_state(const std::string& state) {
  return state.empty() ? "" : nlohmann::json::parse(state).at("writer").get<std::string>();
}

}  // namespace

std::string work_of_samples(std::span<const double> values, const sample::SamplingOptions& options) {
  return shared_work(values, options).text();
}

SamplingOutcome sample_to_file(sample::Posterior& posterior, const SamplingRequest& request,
                               const sample::SamplingOptions& asked, const sample::Progress& progress) {
  const sample::SamplingOptions options = request.likelihood.empty() ? asked : for_weighing(asked);
  if (request.together) check_together(request);
  const AskedRows all = read_rows(request, posterior);
  // Observations together are one question.
  const int64_t questions = request.together ? 1 : all.rows;
  const sample::RowRange range = sample::rows_of_shard(request.shard, questions);
  const data::DataShape& shape = posterior.shape();
  if (request.together) begin_together(request, all, shape);
  const bool given = all.kind == sample::Question::Kind::given;
  const std::string& file = given ? request.given : request.x;
  sample::Question question{all.kind, {}, shape.x_dim, shape.x_channels};
  if (given) question.tokens += shape.theta_dim;
  if (request.together) question.tokens *= all.rows;
  const int64_t size = question.tokens * question.channels;
  question.values = std::span<const double>(all.values).subspan(range.first * size, range.rows * size);
  const int64_t drawn = given ? question.tokens : shape.theta_dim;
  check_observations(posterior, question.values, request.together ? sample::RowRange{0, all.rows} : range,
                     file, request.strict);

  const std::unique_ptr<Weigher> weigher = weigher_of(posterior, request, all.kind, question.values, options);
  std::optional<WeightedChoice> choice;
  if (weigher) choice.emplace(*weigher, request.weighing);
  const Selection selection{choice ? &*choice : nullptr, request.draws, range.first, request.seed};

  const double begin = core::steady_seconds();
  KeptWork kept(posterior, request.output, request.force,
                describe(posterior, request, question, range, options, selection.choice));
  const std::string state = kept.state(sample::SampleWriter::has_begun(request.output));
  sample::SampleWriter writer(
      request.output, "sample",
      {range.rows, request.draws, drawn, shape.theta_channels, question,
       origin_of(posterior, request, all, range, options, selection.choice), request.number_type},
      writer_state(state));
  AgreementCheck agreement(posterior, selection.pool(), given, range, file);
  StreamedSampling sampling(writer, agreement, selection, kept, state);
  SamplingOutcome outcome;
  outcome.rows = range.rows;
  kept.run([&] {
    std::optional<core::InterruptScope> stops;
    if (request.interruptible) stops.emplace();
    using Asked = sample::Posterior::Asked;
    const sample::Amount amount{range.rows, selection.pool(), request.seed, range.first};
    const auto work = [&](sample::MixtureDrawing& drawing) {
      sampling.run(drawing, progress);
      outcome.drawn = drawing.drawn();
      outcome.evaluations = drawing.evaluations();
    };
    if (request.together) {
      posterior.with_drawing_together(question.values, all.rows, amount, {}, options, work);
    } else {
      posterior.with_drawing(given ? Asked::given : Asked::x, question.values, amount, options, work);
    }
  });
  outcome.seconds = core::steady_seconds() - begin;
  const int64_t inside = choice ? choice->weighed() : writer.filled();
  if (outcome.drawn > 0)
    outcome.acceptance = static_cast<double>(inside) / static_cast<double>(outcome.drawn);

  const int64_t weak = choice ? choice->finish() : 0;
  if (!request.partial && writer.items() > 0 && writer.filled() == 0) {
    kept.finish();  // the next try would only repeat it
    writer.give_up();
    if (choice && inside > 0) choice->refuse(request.output);
    refuse_unfilled(request.output, writer.items());
  }
  const int64_t disagreeing = agreement.finish();
  writer.commit(outcome.drawn);
  kept.finish();
  if (request.strict) {
    fail_where(disagreeing, "the members of the ensemble disagree about ", range.rows, request.output);
    fail_where(weak, "too few draws decide ", range.rows, request.output);
  }
  return outcome;
}

}  // namespace fluxsbi::experiment
