#include "sample/mixture.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "core/stop.hpp"

namespace fluxsbi::sample {

namespace {

constexpr int64_t block_bytes = int64_t{1} << 21;  // of samples as float64
// Chunks of a device are large. Several devices share those of a block, whose number is the same for one, so
// that no sample depends on how many there are.
constexpr int64_t device_chunks = 16, device_block_bytes = int64_t{1} << 28;

}  // namespace

MixtureDrawing::MixtureDrawing(std::span<const Source* const> sources, const Amount& amount,
                               const SamplingOptions& options)
    : amount_(amount) {
  core::require(!sources.empty(), "a mixture has members");
  on_device_ = !sources.front()->device.is_cpu();
  size_ = sources.front()->kept * sources.front()->channels;
  const int64_t count = std::ssize(sources);
  shares_.assign(sources.size(), amount);  // never moved: a drawing refers to its share
  for (int64_t m = 0; m < count; ++m) {
    Amount& share = shares_[static_cast<size_t>(m)];
    if (count > 1) {
      share.first_draw = m;
      share.draw_step = count;
      share.draws = (amount.draws - m + count - 1) / count;
    }
    drawings_.push_back(std::make_unique<Drawing>(*sources[static_cast<size_t>(m)], share, options));
  }
}

// How many of the first `items` items are a member's.
int64_t MixtureDrawing::items_of(size_t member, int64_t items) const {
  if (members() == 1 || amount_.draws == 0) return items;
  const int64_t row = items / amount_.draws, beyond = items % amount_.draws - shares_[member].first_draw;
  return row * shares_[member].draws + (beyond > 0 ? (beyond + members() - 1) / members() : 0);
}

SampleBlock MixtureDrawing::next(int64_t items, const Progress& progress) {
  const int64_t first = done_;
  done_ += items;
  if (members() == 1) return drawings_.front()->next(items, progress);
  SampleBlock all;
  all.values.resize(static_cast<size_t>(items * size_));
  all.filled.resize(static_cast<size_t>(items));
  int64_t before = first;
  for (size_t m = 0; m < shares_.size(); ++m) {
    const Amount& share = shares_[m];
    const int64_t begin = items_of(m, first), count = items_of(m, done_) - begin;
    const Progress shown = [&](int64_t done, int64_t) {
      if (progress) progress(before + done - begin, total());
    };
    const SampleBlock own = drawings_[m]->next(count, shown);
    all.tokens = own.tokens;
    all.channels = own.channels;
    for (int64_t i = 0; i < count; ++i) {
      const int64_t row = (begin + i) / share.draws, draw = (begin + i) % share.draws;
      const int64_t to = row * amount_.draws + share.first_draw + draw * share.draw_step - first;
      all.filled[static_cast<size_t>(to)] = own.filled[static_cast<size_t>(i)];
      std::copy_n(own.values.begin() + i * size_, size_, all.values.begin() + to * size_);
    }
    before += count;
  }
  return all;
}

int64_t MixtureDrawing::drawn() const {
  int64_t sum = 0;
  for (const auto& drawing : drawings_) sum += drawing->drawn();
  return sum;
}

int64_t MixtureDrawing::evaluations() const {
  int64_t most = 0;
  for (const auto& drawing : drawings_) most = std::max(most, drawing->evaluations());
  return most;
}

void MixtureDrawing::finish() const {
  for (const auto& drawing : drawings_) drawing->finish();
}

std::string MixtureDrawing::state() const {
  nlohmann::json states = nlohmann::json::array();
  for (const auto& drawing : drawings_) states.push_back(drawing->state());
  return nlohmann::json{{"done", done_}, {"members", states}}.dump();
}

void MixtureDrawing::restore(const std::string& state) {
  const auto kept = nlohmann::json::parse(state);
  done_ = kept.at("done").get<int64_t>();
  for (size_t m = 0; m < drawings_.size(); ++m)
    drawings_[m]->restore(kept.at("members").at(m).get<std::string>());
}

int64_t MixtureDrawing::block_items() const {
  const int64_t chunks = amount_.chunk * members();
  const int64_t item_bytes = static_cast<int64_t>(sizeof(double)) * std::max<int64_t>(size_, 1);
  const int64_t fitting = block_bytes / item_bytes / chunks, wide = device_block_bytes / item_bytes / chunks;
  const int64_t least = on_device_ ? std::clamp(wide, int64_t{1}, device_chunks) : 1;
  return std::min(std::max(fitting, least) * chunks, total() - done_);
}

Samples draw_rest(MixtureDrawing& drawing, int64_t rows, int64_t draws, const Progress& progress) {
  Samples samples;
  samples.rows = rows;
  samples.draws = draws;
  SampleBlock block = drawing.next(drawing.total() - drawing.done(), progress);
  drawing.finish();
  samples.tokens = block.tokens;
  samples.channels = block.channels;
  samples.values = std::move(block.values);
  samples.filled = std::move(block.filled);
  samples.drawn = drawing.drawn();
  samples.evaluations = drawing.evaluations();
  return samples;
}

Samples draw_mixture(std::span<const Source* const> sources, const Amount& amount,
                     const SamplingOptions& options, const Progress& progress) {
  const core::InterruptScope stops;
  MixtureDrawing drawing(sources, amount, options);
  return draw_rest(drawing, amount.rows, amount.draws, progress);
}

double log_mean(std::span<const double> logs, std::span<double> shares) {
  const double highest = *std::max_element(logs.begin(), logs.end());
  const auto count = static_cast<double>(logs.size());
  if (!std::isfinite(highest)) {  // no member gives the point a density, or one's is infinite
    std::fill(shares.begin(), shares.end(), 1 / count);
    return highest;
  }
  double sum = 0;
  for (size_t m = 0; m < logs.size(); ++m) sum += shares[m] = std::exp(logs[m] - highest);
  for (double& share : shares) share /= sum;
  return highest + std::log(sum / count);
}

LogProbs mix(const std::vector<LogProbs>& members) {
  LogProbs mixed = members.front();
  std::vector<double> logs(members.size()), shares(members.size());
  for (size_t row = 0; row < mixed.values.size(); ++row) {
    for (size_t m = 0; m < members.size(); ++m) logs[m] = members[m].values[row];
    const bool failed = std::any_of(logs.begin(), logs.end(), [](double log) { return std::isnan(log); });
    mixed.values[row] = failed ? std::numeric_limits<double>::quiet_NaN() : log_mean(logs, shares);
    if (mixed.standard_errors.empty()) continue;
    double squares = 0;
    for (size_t m = 0; m < members.size(); ++m)
      squares += std::pow(shares[m] * members[m].standard_errors[row], 2);
    mixed.standard_errors[row] = failed ? std::numeric_limits<double>::quiet_NaN() : std::sqrt(squares);
  }
  for (const LogProbs& member : members) mixed.evaluations = std::max(mixed.evaluations, member.evaluations);
  return mixed;
}

Progress part_of(const Progress& progress, int64_t part, int64_t parts) {
  if (!progress || parts == 1) return progress;
  return [progress, part, parts](int64_t done, int64_t total) {
    progress((part * total + done) / parts, total);
  };
}

}  // namespace fluxsbi::sample
