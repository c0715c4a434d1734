#include "sample/draw.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <deque>
#include <limits>
#include <numeric>
#include <set>
#include <utility>

#include <ATen/core/grad_mode.h>
#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/stop.hpp"
#include "core/system.hpp"
#include "core/text.hpp"
#include "sample/chunk_paths.hpp"
#include "sample/chunk_queue.hpp"
#include "sample/mixture.hpp"
#include "sample/rejection.hpp"

namespace fluxsbi::sample {

// What was counted in all blocks so far.
struct DrawingCounts {
  static constexpr int64_t rows_named = 10;

  int64_t drawn = 0, evaluations = 0, finite = 0, missing = 0, given_up = 0;
  bool out_of_time = false, out_of_tries = false;
  double redrawing = 0;                        // seconds
  int64_t exhausted = 0, last_exhausted = -1;  // observations of which a sample ran out of evaluations
  std::vector<int64_t> exhausted_rows;         // the first of them
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(DrawingCounts, drawn, evaluations, finite, missing, given_up, out_of_time,
                                   out_of_tries, redrawing, exhausted, last_exhausted, exhausted_rows)

// Samples are items: item = row * draws + draw.
class Drawing::Work {
 public:
  Work(const Source& source, const Amount& amount, const SamplingOptions& options)
      : source_(source),
        amount_(amount),
        options_(options),
        total_(amount.rows * amount.draws),
        rejection_(source.prior, source.theta_names, options) {
    core::require(amount.rows >= 0 && amount.draws >= 0 && amount.chunk >= 1,
                  "drawing needs a chunk of at least 1");
    for (size_t i = 0; i <= source.beside.size(); ++i)
      paths_.push_back(std::make_unique<ChunkPaths>(source.on_device(i), amount, options, source.who_on(i)));
  }

  SampleBlock next(int64_t items, const Progress& progress) {
    begin_block(items);
    progress_ = &progress;
    const double begin = core::steady_seconds();
    std::vector<int64_t> pending = draw_all();
    const double now = core::steady_seconds();
    redraw(std::move(pending), now - begin, now);
    state_.redrawing += core::steady_seconds() - now;
    remember_exhausted();
    first_ = end_;
    return std::move(block_);
  }

  // Draws what the first pass rejected until nothing is left or hope is given up.
  void redraw(std::vector<int64_t> pending, double first_pass, double now) {
    const double deadline = now + options_.max_seconds - state_.redrawing;
    const auto part = [&](int64_t count) { return static_cast<double>(count) / static_cast<double>(total_); };
    if (!pending.empty() && state_.finite > 0)
      rejection_.report_first_pass(std::ssize(pending), first_pass, part(end_ - first_), source_.who);
    if (state_.finite > 0) give_up(pending);
    if (!pending.empty() && state_.finite > 0 &&
        rejection_.out_of_time(first_pass, state_.redrawing, part(end_))) {
      state_.out_of_time = true;
      state_.given_up += std::ssize(pending);
      state_.missing += std::ssize(pending);
      pending.clear();
    }
    int64_t attempt = 1;
    while (!pending.empty() && attempt <= options_.max_tries) {
      if (state_.finite == 0 || core::steady_seconds() > deadline) break;
      pending = draw_items(pending, attempt++, deadline);
      give_up(pending);
    }
    state_.missing += std::ssize(pending);
    state_.out_of_tries |= !pending.empty() && attempt > options_.max_tries;
  }

  void finish() const {
    if (state_.missing > 0) warn_unfilled();
    if (state_.exhausted > 0) warn_exhausted();
  }

  int64_t done() const { return first_; }
  int64_t drawn() const { return state_.drawn; }
  int64_t evaluations() const { return state_.evaluations; }

  std::string state() const {
    return nlohmann::json{{"done", first_}, {"counts", state_}, {"rejection", rejection_.state()}}.dump();
  }

  void restore(const std::string& state) {
    const auto kept = nlohmann::json::parse(state);
    first_ = end_ = kept.at("done").get<int64_t>();
    state_ = kept.at("counts").get<DrawingCounts>();
    rejection_.restore(kept.at("rejection").get<std::string>());
  }

 private:
  void give_up(std::vector<int64_t>& pending) {
    const int64_t count = rejection_.give_up(pending, amount_.draws);
    state_.given_up += count;
    state_.missing += count;
  }

  void begin_block(int64_t items) {
    core::require(items >= 0 && items <= total_ - first_, "a block of the items that are left");
    end_ = first_ + items;
    block_.tokens = source_.kept;
    block_.channels = source_.channels;
    block_.values.assign(static_cast<size_t>(items * source_.kept * source_.channels),
                         std::numeric_limits<double>::quiet_NaN());
    block_.filled.assign(static_cast<size_t>(items), 0);
    if (items == 0) return;
    const int64_t first_row = first_ / amount_.draws, last_row = (end_ - 1) / amount_.draws;
    rejection_.begin_block(first_row, last_row - first_row + 1);
  }

  // The first try of every item. Returns those that were rejected.
  std::vector<int64_t> draw_all() {
    std::vector<int64_t> items(static_cast<size_t>(end_ - first_));
    std::iota(items.begin(), items.end(), first_);
    return draw_items(items, 0, std::numeric_limits<double>::infinity());
  }

  // A try of these items, which progress counts as the block's last ones. Returns those that were rejected,
  // and from the deadline on those that were not tried.
  std::vector<int64_t> draw_items(std::span<const int64_t> items, int64_t attempt, double deadline) {
    const auto chunk = static_cast<size_t>(amount_.chunk);
    const int64_t before = end_ - std::ssize(items);
    std::deque<Asked> asked;
    std::vector<int64_t> rejected;
    size_t begin = 0;  // of what has not been asked for
    int64_t tried = 0;
    const DropAtEnd whatever_happens(queue_);
    while (begin < items.size() || !asked.empty()) {
      while (begin < items.size() && !queue_.full() && core::steady_seconds() <= deadline) {
        const auto next = items.subspan(begin, std::min(chunk, items.size() - begin));
        asked.push_back(ask(next, attempt));
        begin += next.size();
      }
      if (asked.empty()) break;
      take(asked.front(), rejected);
      tried += std::ssize(asked.front().items);
      asked.pop_front();
      report(before + tried - std::ssize(rejected));
    }
    const auto rest = items.subspan(begin);
    rejected.insert(rejected.end(), rest.begin(), rest.end());
    return rejected;
  }

  void report(int64_t done) const {
    if (*progress_) (*progress_)(done, total_);
  }

  // A chunk that the queue computes.
  struct Asked {
    std::span<const int64_t> items;
    std::vector<int64_t> rows;
    uint64_t key;
    bool kept;  // in the journal already
  };

  Asked ask(std::span<const int64_t> items, int64_t attempt) {
    core::interruption_point();
    constexpr int attempt_bits = 32;
    Asked asked{items, {}, chunk_key(attempt + (amount_.first_draw << attempt_bits), items), false};
    for (const int64_t item : items) asked.rows.push_back(item / amount_.draws);
    if (source_.journal) {
      if (std::optional<Chunk> chunk = source_.journal->take(asked.key)) {
        queue_.put(std::move(*chunk));
        asked.kept = true;
        return asked;
      }
    }
    queue_.ask([this, items, rows = asked.rows, attempt](size_t device) {
      return paths_[device]->compute(items, rows, attempt);
    });
    return asked;
  }

  // Takes in the chunk; adds those of its items that are to be redrawn to `rejected`.
  void take(const Asked& asked, std::vector<int64_t>& rejected) {
    const Chunk chunk = queue_.take();
    if (source_.journal && !asked.kept) source_.journal->keep(asked.key, chunk);
    for (size_t i = 0; i < chunk.exhausted.size(); ++i) {
      if (chunk.exhausted[i]) exhausted_.insert(amount_.first_row + asked.rows[i]);
    }
    state_.evaluations = std::max(state_.evaluations, chunk.evaluations);
    std::vector<float> values(asked.items.size() * static_cast<size_t>(state_size()));
    core::require(chunk.numbers.size() == values.size() * sizeof(float), "a chunk's key fixes its size");
    std::memcpy(values.data(), chunk.numbers.data(), chunk.numbers.size());
    keep(asked.items, values, rejected);
  }

  // The block's rows that ran out of evaluations join those of earlier blocks, which end where it begins.
  void remember_exhausted() {
    for (const int64_t row : std::exchange(exhausted_, {})) {
      if (row <= state_.last_exhausted) continue;
      state_.last_exhausted = row;
      if (state_.exhausted++ < DrawingCounts::rows_named) state_.exhausted_rows.push_back(row);
    }
  }

  // Keeps what is finite and supported; the rest goes into `rejected`. standardised: [items, state_size()].
  void keep(std::span<const int64_t> items, std::span<const float> standardised,
            std::vector<int64_t>& rejected) {
    const auto size = static_cast<size_t>(state_size()),
               kept = static_cast<size_t>(source_.kept * source_.channels);
    std::vector<int64_t> rows(items.begin(), items.end());
    for (int64_t& row : rows) row /= amount_.draws;
    std::vector<double> values = source_.frame.values_of(standardised, rows);
    state_.drawn += std::ssize(items);
    for (size_t i = 0; i < items.size(); ++i) {
      const auto value = std::span(values).subspan(i * size, size);
      const auto given = given_of(items[i] / amount_.draws);
      put_given(value, given);
      const bool finite = std::all_of(value.begin(), value.end(), [](double v) { return std::isfinite(v); });
      state_.finite += finite;
      const bool good = finite && in_support(value, given);
      tell_rejection(items[i] / amount_.draws, value, finite, good);
      if (!good) {
        rejected.push_back(items[i]);
        continue;
      }
      const auto item = static_cast<size_t>(items[i] - first_);
      std::copy_n(value.begin(), kept, block_.values.begin() + static_cast<std::ptrdiff_t>(item * kept));
      block_.filled[item] = 1;
    }
  }

  // What this try says of its observation; only theta of rejected ones is looked at.
  void tell_rejection(int64_t row, const auto& value, bool finite, bool good) {
    if (!finite) return rejection_.count_broken(row);
    std::vector<double> theta;
    if (!good) theta.assign(value.begin(), value.begin() + source_.prior->dim());
    rejection_.count(row, good, theta);
  }

  // What is given of a row's state, NaN where it is inferred; empty where nothing is given.
  std::span<const double> given_of(int64_t row) const {
    if (source_.given.empty()) return {};
    const auto size = static_cast<size_t>(state_size());
    return source_.given.subspan(static_cast<size_t>(row) * size, size);
  }

  static void put_given(std::span<double> value, std::span<const double> given) {
    for (size_t j = 0; j < given.size(); ++j) {
      if (!std::isnan(given[j])) value[j] = given[j];
    }
  }

  // Whether the inferred part of theta lies in the prior's support, where that is asked for.
  bool in_support(std::span<const double> value, std::span<const double> given) const {
    if (!options_.reject || !source_.prior) return true;
    const auto dim = static_cast<std::ptrdiff_t>(source_.prior->dim());
    const std::vector<double> theta(value.begin(), value.begin() + dim);
    std::vector<uint8_t> is_given;  // [dim]; empty where all of theta is inferred
    if (!given.empty()) {
      for (std::ptrdiff_t j = 0; j < dim; ++j) is_given.push_back(!std::isnan(given[static_cast<size_t>(j)]));
    }
    return source_.prior->in_support(theta, is_given);
  }

  int64_t state_size() const { return source_.tokens * source_.channels; }

  void warn_unfilled() const {
    const std::string reason =
        state_.finite == 0   ? "the network's output is not finite"
        : state_.out_of_time ? "they were given up, since more than half of them would still be missing "
                               "after sampling.max_seconds = " +
                                   core::number_text(options_.max_seconds)
        : state_.given_up > 0
            ? std::to_string(state_.given_up) +
                  " were given up, since sampling.max_tries = " + std::to_string(options_.max_tries) +
                  " further tries are unlikely to fill most of them"
        : state_.out_of_tries ? "sampling.max_tries was reached"
                              : "sampling.max_seconds was reached";
    const std::string where = rejection_.where();
    const double acceptance =
        static_cast<double>(total_ - state_.missing) / static_cast<double>(state_.drawn);
    core::log::warning(source_.who + std::to_string(state_.missing) + " of " + std::to_string(total_) +
                       " samples could not be filled and are NaN: " + reason + " (acceptance rate " +
                       core::number_text(std::round(acceptance * 1e4) / 1e4) + ")" +
                       (where.empty() ? ""
                                      : "; " + where +
                                            ": other units, a wrong prior, or an observation "
                                            "unlike the training data?"));
  }

  void warn_exhausted() const {
    const int64_t others = state_.exhausted - std::ssize(state_.exhausted_rows);
    core::log::warning(
        source_.who + "samples of " + std::to_string(state_.exhausted) +
        " observations ran into sampling.max_evaluations = " + std::to_string(options_.max_evaluations) +
        " and were drawn again; rows " + core::list_first(state_.exhausted_rows) +
        (others > 0 ? " " + core::and_more(static_cast<size_t>(others)) : "") +
        "; raise it, loosen sampling.atol and rtol, or take a fixed-step solver");
  }

  const Source& source_;
  const Amount& amount_;
  const SamplingOptions& options_;
  const int64_t total_;
  std::vector<std::unique_ptr<ChunkPaths>> paths_;  // one a device
  int64_t first_ = 0, end_ = 0;                     // of the block's items
  const Progress* progress_ = nullptr;
  std::set<int64_t> exhausted_;  // observations of the block of which a sample ran out of evaluations
  DrawingCounts state_;
  Rejection rejection_;
  SampleBlock block_;
  ChunkQueue queue_{source_.devices()};
};

std::vector<at::Device> Source::devices() const {
  std::vector<at::Device> all{device};
  for (const Source* other : beside) all.push_back(other->device);
  return all;
}

std::string Source::who_on(size_t i) const {
  return beside.empty() ? who : on_device(i).device.str() + ": " + who;
}

Drawing::Drawing(const Source& source, const Amount& amount, const SamplingOptions& options)
    : work_(std::make_unique<Work>(source, amount, options)) {}

Drawing::~Drawing() = default;

SampleBlock Drawing::next(int64_t items, const Progress& progress) {
  const at::NoGradGuard no_gradient;
  return work_->next(items, progress);
}

int64_t Drawing::done() const {
  return work_->done();
}

int64_t Drawing::drawn() const {
  return work_->drawn();
}

int64_t Drawing::evaluations() const {
  return work_->evaluations();
}

void Drawing::finish() const {
  work_->finish();
}

std::string Drawing::state() const {
  return work_->state();
}

void Drawing::restore(const std::string& state) {
  work_->restore(state);
}

Samples draw(const Source& source, const Amount& amount, const SamplingOptions& options,
             const Progress& progress) {
  const Source* const sources[] = {&source};
  return draw_mixture(sources, amount, options, progress);
}

}  // namespace fluxsbi::sample
