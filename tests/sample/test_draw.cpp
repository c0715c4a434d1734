#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include <ATen/ops/full.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/tensor.h>
#include <catch2/catch_approx.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "core/error.hpp"
#include "method/flow_matching.hpp"
#include "sample/draw.hpp"
#include "sample/fields.hpp"
#include "sample/rejection.hpp"
#include "support/catch.hpp"

using namespace fluxsbi;
using Catch::Approx;

namespace {

// Where a row's arithmetic is the same in every chunk, only the order of a vectorised loop differs.
constexpr double draw_tolerance = 1e-6;
constexpr int64_t rows = 5, draws = 40;

// A posterior known exactly: theta of observation r is N(r / 2 - 1, 0.3^2) in two standardised components,
// and 10 + 2 theta in the data's units.
struct GaussianPosterior {
  method::FlowMatching flow{{}};
  data::Standardiser theta{{10, 10}, {2, 2}};
  std::unique_ptr<data::Prior> prior;
  int64_t first_row = 0;

  static double mean(int64_t row) { return 10 + 2 * (static_cast<double>(row) / 2 - 1); }
  static constexpr double deviation = 0.6;

  sample::Source source() const {
    sample::Source source;
    source.method = &flow;
    source.bind = [this](std::span<const int64_t> chosen) -> sample::Bound {
      std::vector<float> means;
      for (const int64_t row : chosen) means.push_back(static_cast<float>(row + first_row) / 2 - 1);
      const at::Tensor mean = at::tensor(means).view({-1, 1, 1}), std = at::full({1, 1, 1}, 0.3f);
      return {[=](const at::Tensor& t, const at::Tensor& x, const at::Tensor& active) {
        return test::gaussian_velocity(t, x, active.defined() ? mean.index_select(0, active) : mean, std);
      }};
    };
    source.frame = sample::Frame(theta);
    source.prior = prior.get();
    source.tokens = source.kept = 2;
    return source;
  }

  sample::Samples draw(sample::Amount amount, const sample::SamplingOptions& options = {}) const {
    amount.first_row = first_row;
    return sample::draw(source(), amount, options);
  }
};

double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) largest = std::max<double>(largest, std::abs(a[i] - b[i]));
  return largest;
}

std::unique_ptr<data::Prior> box(double low, double high) {
  return data::make_prior({data::PriorKind::box, {low}, {high}, {}, {}}, 2);
}

}  // namespace

TEST_CASE("chunks of 1, 7 and all samples give the same samples", "[sample][draw]") {
  sample::SamplingOptions options;
  options.solver = GENERATE("rk4", "dopri5");
  const GaussianPosterior posterior;
  const auto all = posterior.draw({rows, draws, 3, 0, rows * draws}, options);
  for (const int64_t chunk : {1, 7}) {
    CHECK(largest_difference(posterior.draw({rows, draws, 3, 0, chunk}, options).values, all.values) <
          draw_tolerance * 20);  // values are up to 20
  }
  CHECK(largest_difference(posterior.draw({rows, draws, 4, 0, 50}, options).values, all.values) > 0.1);
}

TEST_CASE("shards and fewer draws give the rows and draws of the whole", "[sample][draw]") {
  GaussianPosterior posterior;
  const auto all = posterior.draw({rows, draws, 3, 0, 64});
  posterior.first_row = 2;
  const auto part = posterior.draw({2, draws - 10, 3, 0, 64});
  for (int64_t row = 0; row < 2; ++row) {
    for (int64_t i = 0; i < 2 * (draws - 10); ++i) {
      CHECK(part.values[static_cast<size_t>(row * 2 * (draws - 10) + i)] ==
            Approx(all.values[static_cast<size_t>((row + 2) * 2 * draws + i)]).epsilon(draw_tolerance));
    }
  }
}

TEST_CASE("samples have the mean and deviation of each observation's posterior", "[sample][draw]") {
  const GaussianPosterior posterior;
  const int64_t many = 4000;
  const auto samples = posterior.draw({rows, many, 1, 0, 3000});
  for (int64_t row = 0; row < rows; ++row) {
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < 2 * many; ++i) {
      const double value =
          samples.values[static_cast<size_t>(row * 2 * many + i)] - GaussianPosterior::mean(row);
      sum += value;
      squares += value * value;
    }
    const auto n = static_cast<double>(2 * many);
    const double error = GaussianPosterior::deviation / std::sqrt(n);
    CHECK(std::abs(sum / n) < 5 * error);
    CHECK(std::abs(std::sqrt(squares / n) - GaussianPosterior::deviation) < 5 * error);
  }
  CHECK(samples.acceptance() == 1);
}

TEST_CASE("rejection keeps the samples inside the prior's support and redraws the others alone",
          "[sample][reject]") {
  GaussianPosterior posterior;
  const auto free = posterior.draw({rows, draws, 3, 0, 64});
  posterior.prior = box(8, 12);
  const auto kept = posterior.draw({rows, draws, 3, 0, 64});
  CHECK(kept.unfilled() == 0);
  CHECK(kept.acceptance() < 0.9);
  int64_t unchanged = 0;
  for (size_t i = 0; i < static_cast<size_t>(rows * draws); ++i) {
    const auto inside = [&](double v) { return v >= 8 && v <= 12; };
    CHECK((inside(kept.values[2 * i]) && inside(kept.values[2 * i + 1])));
    if (!inside(free.values[2 * i]) || !inside(free.values[2 * i + 1])) continue;
    ++unchanged;
    CHECK(kept.values[2 * i] == Approx(free.values[2 * i]).epsilon(draw_tolerance));
  }
  CHECK(unchanged > 0);
  for (const int64_t chunk : {1, 7}) {
    CHECK(largest_difference(posterior.draw({rows, draws, 3, 0, chunk}).values, kept.values) <
          draw_tolerance * 20);
  }
}

TEST_CASE("a rejected sample follows the truncated posterior", "[sample][reject]") {
  GaussianPosterior posterior;
  posterior.prior = box(-100, GaussianPosterior::mean(0));  // half of each component's mass
  const int64_t many = 4000;
  const auto samples = posterior.draw({1, many, 5, 0, 1000});
  double sum = 0;
  for (const double value : samples.values) sum += value;
  // A normal cut at its mean has mean -sqrt(2 / pi) and deviation sqrt(1 - 2 / pi) = 0.603.
  const double expected = GaussianPosterior::mean(0) - GaussianPosterior::deviation * std::sqrt(2 / M_PI);
  const double error = 0.603 * GaussianPosterior::deviation / std::sqrt(2.0 * many);
  CHECK(std::abs(sum / (2.0 * many) - expected) < 5 * error);
  CHECK(samples.acceptance() == Approx(0.25).margin(5 * std::sqrt(0.25 * 0.75 / (4.0 * many))));
}

TEST_CASE("rejection ends at its limits and marks what it could not fill", "[sample][reject]") {
  GaussianPosterior posterior;
  posterior.prior = box(1000, 1001);
  sample::SamplingOptions options;
  SECTION("of tries") {
    options.max_tries = 3;
    CHECK(posterior.draw({rows, 10, 0, 0, 64}, options).drawn == rows * 10 * 4);
  }
  SECTION("of hope: where nothing is kept, two passes are enough") {
    CHECK(posterior.draw({rows, draws, 0, 0, 64}, options).drawn == rows * draws * 2);
    CHECK(posterior.draw({1, 1000, 0, 0, 1000}, options).drawn == 1000);  // one, where it is large
  }
  SECTION("of time") {
    options.max_seconds = 0;
    CHECK(posterior.draw({rows, draws, 0, 0, 64}, options).drawn < rows * draws * 2);
  }
  const auto samples = posterior.draw({rows, draws, 0, 0, 64}, options);
  CHECK(samples.unfilled() == rows * draws);
  CHECK(samples.acceptance() == 0);
  for (const double value : samples.values) CHECK(std::isnan(value));
}

TEST_CASE("observations without hope are given up, the others are filled", "[sample][reject]") {
  GaussianPosterior posterior;
  posterior.prior = box(10.2, 13.8);  // the means are 8, 9, 10, 11, 12, the deviation 0.6
  const int64_t many = 300;
  const auto samples = posterior.draw({rows, many, 2, 0, 512});
  for (int64_t row = 0; row < rows; ++row) {
    const auto first = samples.filled.begin() + static_cast<std::ptrdiff_t>(row * many);
    const auto filled = std::count(first, first + static_cast<std::ptrdiff_t>(many), uint8_t{1});
    INFO("row " << row);
    if (row < 2) {
      CHECK(filled < 3);
    } else {
      CHECK(filled == many);
    }
  }
  // Row 2 keeps 13.6 % and takes about 2,200 draws; a hundred tries of rows 0 and 1 alone would be 60,000.
  CHECK(samples.drawn < 6000);
}

TEST_CASE("rejection says where its draws lie and how long the others take", "[sample][reject]") {
  const auto prior = box(0.001, 1);
  const sample::SamplingOptions options;
  sample::Rejection rejection(prior.get(), {"mass", "radius"}, options);
  rejection.begin_block(0, 1);
  const std::vector<double> out{-2.9, 0.5}, edge{-0.1, 0.7};
  for (int i = 0; i < 100; ++i) rejection.count(0, false, i % 2 ? out : edge);
  CHECK(rejection.where() == "mass: rejected draws lie in [-2.9, -0.1], the prior in [0.001, 1]");
  std::vector<int64_t> pending{0, 1, 2};
  CHECK(rejection.give_up(pending, 100) == 0);  // 100 tries say little
  for (int i = 0; i < 100; ++i) rejection.count(0, false, out);
  CHECK(rejection.give_up(pending, 100) == 3);
  CHECK(pending.empty());
}

TEST_CASE("a time limit that leaves more than half empty ends rejection at once", "[sample][reject]") {
  const auto prior = box(0.001, 1);
  sample::SamplingOptions options;
  options.max_seconds = 10;
  sample::Rejection rejection(prior.get(), {"mass", "radius"}, options);
  rejection.begin_block(0, 1);
  const std::vector<double> out{-2.9, 0.5};
  for (int i = 0; i < 990; ++i) rejection.count(0, false, out);
  for (int i = 0; i < 10; ++i) rejection.count(0, true, {});
  // 990 draws of 100 tries each at 1000 tries a second: 99 s, and 20 s are the limit.
  CHECK(rejection.out_of_time(1, 0, 1));
  CHECK(!rejection.out_of_time(0.1, 0, 1));
  CHECK(rejection.out_of_time(0.1, 0, 0.1));  // of a tenth of the draws
  CHECK(rejection.out_of_time(0.1, 15, 1));   // after 15 s of redrawing
  options.max_seconds = 60;
  CHECK(!sample::Rejection(rejection).out_of_time(0.5, 0, 1));
}

TEST_CASE("blocks give the samples of one drawing, and a drawing goes on where another stood",
          "[sample][draw][block]") {
  GaussianPosterior posterior;
  posterior.prior = box(8, 12);
  const sample::SamplingOptions options;
  const sample::Source source = posterior.source();
  const sample::Amount amount{rows, draws, 3, 0, 16};
  const auto whole = sample::draw(source, amount, options);
  sample::Samples joined;
  std::string state;
  int64_t drawn = 0;
  for (int64_t done = 0; done < rows * draws;) {
    sample::Drawing drawing(source, amount, options);
    if (!state.empty()) drawing.restore(state);
    REQUIRE(drawing.done() == done);
    const int64_t items = std::min<int64_t>(48, rows * draws - done);  // ends within rows
    const auto block = drawing.next(items);
    joined.values.insert(joined.values.end(), block.values.begin(), block.values.end());
    joined.filled.insert(joined.filled.end(), block.filled.begin(), block.filled.end());
    done += items;
    drawn = drawing.drawn();
    state = drawing.state();
  }
  CHECK(joined.filled == whole.filled);
  CHECK(drawn == whole.drawn);
  CHECK(largest_difference(joined.values, whole.values) < draw_tolerance * 20);
}

TEST_CASE("an observation without hope stays without in the blocks that follow", "[sample][reject][block]") {
  GaussianPosterior posterior;
  posterior.prior = box(1000, 1001);
  const sample::SamplingOptions options;
  const sample::Source source = posterior.source();
  sample::Drawing drawing(source, {1, 1200, 0, 0, 100}, options);
  for (int block = 0; block < 4; ++block) drawing.next(300);
  // 300 first tries tell too little, with as many more they tell enough; the next blocks add theirs alone.
  CHECK(drawing.drawn() == 1500);
}

TEST_CASE("samples outside the support stay where rejection is off", "[sample][reject]") {
  GaussianPosterior posterior;
  posterior.prior = box(1000, 1001);
  sample::SamplingOptions options;
  options.reject = false;
  CHECK(posterior.draw({rows, draws, 0, 0, 64}, options).unfilled() == 0);
}

TEST_CASE("a network that gives NaN ends the drawing after one pass", "[sample][draw]") {
  const GaussianPosterior posterior;
  sample::Source source = posterior.source();
  source.bind = [](std::span<const int64_t>) -> sample::Bound {
    return {[](const at::Tensor&, const at::Tensor& x, const at::Tensor&) {
      return at::full_like(x, std::numeric_limits<double>::quiet_NaN());
    }};
  };
  sample::SamplingOptions options;
  options.solver = GENERATE("euler", "dopri5");
  const auto samples = sample::draw(source, {rows, draws, 0, 0, 64}, options);
  CHECK(samples.drawn == rows * draws);
  CHECK(samples.unfilled() == rows * draws);
}

TEST_CASE("progress rises to the total, redraws included", "[sample][draw]") {
  GaussianPosterior posterior;
  posterior.prior = box(8, 12);
  int64_t last = 0;
  bool rises = true;
  sample::draw(posterior.source(), {rows, draws, 0, 0, 16}, {}, [&](int64_t done, int64_t total) {
    rises = rises && done >= last && total == rows * draws;
    last = done;
  });
  CHECK(rises);
  CHECK(last == rows * draws);
}

TEST_CASE("an unknown solver and no rows are met before any work", "[sample][draw]") {
  const GaussianPosterior posterior;
  sample::SamplingOptions options;
  CHECK(posterior.draw({0, draws, 0, 0, 64}, options).values.empty());
  options.solver = "dorpi5";
  CHECK_THROWS_AS(posterior.draw({rows, draws, 0, 0, 64}, options), core::UserError);
}
