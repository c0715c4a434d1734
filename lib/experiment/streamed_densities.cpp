#include "experiment/streamed_densities.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "core/stop.hpp"
#include "experiment/draw_densities.hpp"
#include "io/atomic_file.hpp"
#include "sample/chunk_journal.hpp"
#include "sample/density/density_stream.hpp"
#include "sample/files/exact_numbers.hpp"

namespace fluxsbi::experiment {

namespace {

constexpr int64_t block_points = 1024;

bool lacks_number(std::span<const double> point) {
  return std::any_of(point.begin(), point.end(), [](double value) { return std::isnan(value); });
}

// Block by block through the points, and what was done so far.
class Streaming {
 public:
  Streaming(const StreamedPoints& points, int64_t theta_size, int64_t x_size, sample::LogProbWriter* writer,
            const KeptWork& kept)
      : points_(points),
        theta_size_(theta_size),
        total_(points.theta.rows()),
        draws_(points.theta.draws()),
        part_(draws_ == 0 ? total_
                          : draws_ * rows_in_a_call(points.theta.rows() / draws_, draws_, x_size,
                                                    points.x_rows == 1)),
        writer_(writer),
        kept_(kept) {}

  sample::LogProbs run(sample::DensityStream& stream, const std::string& state,
                       const sample::Progress& progress) {
    int64_t first = restore(stream, state);
    while (first < total_) {
      const int64_t end_of_part = std::min(total_, (first / part_ + 1) * part_);
      const int64_t end = std::min(first + block_points, end_of_part);
      add(stream, first, end - first);
      if (end == end_of_part) stream.end_part();
      first = end;
      try {
        keep(stream);
      } catch (const core::UserError& problem) {
        kept_.fail(problem);
      }
      if (progress) progress(first, total_);
    }
    stream.finish();
    return std::move(found_);
  }

 private:
  // Returns the point that comes next.
  int64_t restore(sample::DensityStream& stream, const std::string& state) {
    if (state.empty()) return 0;
    const auto kept = nlohmann::json::parse(state);
    stream.restore(kept.at("densities").get<std::string>());
    found_.outside = kept.at("outside").get<int64_t>();
    return taken_ = kept.at("points").get<int64_t>();
  }

  void add(sample::DensityStream& stream, int64_t first, int64_t count) const {
    std::vector<double> theta(static_cast<size_t>(count * theta_size_));
    points_.theta.read(first, count, theta);
    std::vector<int64_t> observations;
    for (int64_t i = 0; i < count; ++i) {
      const auto point =
          std::span(theta).subspan(static_cast<size_t>(i * theta_size_), static_cast<size_t>(theta_size_));
      observations.push_back(lacks_number(point) ? -1 : row_of(first + i));
    }
    stream.add(theta, observations);
  }

  // The observation of point `i`.
  int64_t row_of(int64_t i) const { return points_.x_rows == 1 ? 0 : i / std::max<int64_t>(draws_, 1); }

  // Densities of the points that follow those taken become those under the other prior.
  void change_prior(sample::LogProbs& some) const {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    const int64_t count = std::ssize(some.values);
    std::vector<double> theta(static_cast<size_t>(count * theta_size_));
    points_.theta.read(taken_, count, theta);
    for (int64_t i = 0; i < count; ++i) {
      const auto point =
          std::span(theta).subspan(static_cast<size_t>(i * theta_size_), static_cast<size_t>(theta_size_));
      double& value = some.values[static_cast<size_t>(i)];
      if (lacks_number(point) || value == -infinity) continue;
      const double ratio = points_.other->ratio.log_ratio(point);
      if (ratio == -infinity) {
        ++some.outside;
        value = -infinity;
        if (!some.standard_errors.empty()) some.standard_errors[static_cast<size_t>(i)] = 0;
      } else {
        value += ratio - points_.other->rows[static_cast<size_t>(row_of(taken_ + i))].log_z;
      }
    }
  }

  void keep(sample::DensityStream& stream) {
    sample::LogProbs some = stream.take();
    if (points_.other) change_prior(some);
    found_.outside += some.outside;
    found_.evaluations = std::max(found_.evaluations, some.evaluations);
    taken_ += std::ssize(some.values);
    if (!writer_) {
      found_.values.insert(found_.values.end(), some.values.begin(), some.values.end());
      found_.standard_errors.insert(found_.standard_errors.end(), some.standard_errors.begin(),
                                    some.standard_errors.end());
      return;
    }
    if (some.values.empty()) return;
    writer_->append(some);
    if (!kept_.journal()) return;
    nlohmann::json state{{"points", taken_},
                         {"outside", found_.outside},
                         {"densities", stream.state()},
                         {"writer", writer_->state()}};
    if (points_.other) state["normalisations"] = sample::exact_bits(numbers_of(points_.other->rows));
    // The journal may ask for it after this object has gone.
    kept_.journal()->checkpoint(state.dump(), [writer = writer_] { writer->sync(); });
  }

  const StreamedPoints& points_;
  const int64_t theta_size_, total_, draws_, part_;
  sample::LogProbWriter* writer_;
  const KeptWork& kept_;
  int64_t taken_ = 0;
  sample::LogProbs found_;
};

}  // namespace

std::string survey(const StreamedPoints& points, const sample::Posterior& posterior) {
  const auto size = static_cast<size_t>(posterior.shape().theta_size());
  const int64_t rows = points.theta.rows();
  uint32_t checksum = 0;
  int64_t unfilled = 0;
  std::vector<double> block;
  for (int64_t first = 0; first < rows; first += block_points) {
    const int64_t count = std::min(block_points, rows - first);
    block.resize(static_cast<size_t>(count) * size);
    points.theta.read(first, count, block);
    checksum = io::crc32(std::as_bytes(std::span(block)), checksum);
    for (int64_t i = 0; i < count; ++i) {
      const auto point = std::span(block).subspan(static_cast<size_t>(i) * size, size);
      if (points.theta.draws() > 0 && lacks_number(point)) {
        ++unfilled;
      } else {
        sample::check_point(point, first + i);
      }
    }
  }
  warn_of_unfilled(unfilled, rows, points.file);
  return checksum_text(rows * static_cast<int64_t>(size), checksum);
}

sample::LogProbs stream_densities(sample::Posterior& posterior, const StreamedPoints& points,
                                  const sample::DivergenceOptions& divergence,
                                  const sample::SamplingOptions& options, sample::LogProbWriter* writer,
                                  KeptWork& kept, const std::string& state,
                                  const sample::Progress& progress) {
  const core::InterruptScope stops;
  sample::LogProbs found;
  posterior.with_densities(points.x, points.x_rows, divergence, options, [&](sample::DensityStream& stream) {
    Streaming streaming(points, posterior.shape().theta_size(), posterior.shape().x_size(), writer, kept);
    found = streaming.run(stream, state, progress);
  });
  return found;
}

}  // namespace fluxsbi::experiment
