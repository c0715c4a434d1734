#include <cmath>
#include <string>
#include <vector>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include "config/reader.hpp"
#include "core/error.hpp"
#include "method/condition_mask.hpp"
#include "support/catch.hpp"
#include "support/user_error.hpp"

using namespace fluxsbi;
using Catch::Matchers::ContainsSubstring;
using method::ConditionMask;
using method::ConditionMaskOptions;
using method::MaskKind;
using test::error_of;

namespace {

constexpr int64_t obs = 2, cond = 3, tokens = obs + cond, many = 100000;
// Standard errors that a correct fraction stays within.
constexpr double sigmas = 5;

at::Tensor draw(const ConditionMask& mask, int64_t rows, uint64_t seed = 3) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  return mask.draw(at::empty({rows, mask.numbers()}).uniform_(0, 1, generator)).squeeze(2);  // [rows, tokens]
}

void check_fraction(const at::Tensor& rows, double expected) {
  const double error = std::sqrt(expected * (1 - expected) / static_cast<double>(rows.numel()));
  CHECK(std::abs(rows.to(at::kDouble).mean().item<double>() - expected) <= sigmas * error);
}

at::Tensor pattern(const std::vector<int64_t>& given) {
  return at::tensor(given).to(at::kBool);
}

bool covers(const ConditionMask& mask, const std::vector<uint8_t>& pattern) {
  return mask.covers(pattern);
}

}  // namespace

TEST_CASE("structured masks occur as often as the mixture says", "[method][mask]") {
  const ConditionMask mask({}, obs, cond, at::kCPU);
  CHECK(mask.numbers() == tokens + 1);
  const at::Tensor drawn = draw(mask, many);
  CHECK(drawn.sizes() == at::IntArrayRef({many, tokens}));
  const double n = tokens;
  const auto power = [&](double p) { return std::pow(p, n); };
  // joint; both random ones all false; both all true, which are reset
  check_fraction(drawn.any(1).logical_not(),
                 0.2 + 0.2 * power(0.7) + 0.2 * power(0.3) + 0.2 * (power(0.3) + power(0.7)));
  for (int64_t token = 0; token < tokens; ++token) {
    check_fraction(drawn.select(1, token), 0.2 + 0.2 * (0.3 - power(0.3)) + 0.2 * (0.7 - power(0.7)));
  }
  // Two of the five parts by themselves: posterior, and what random masks add to it.
  const auto exactly = [&](int64_t obs_given, int64_t cond_given) {
    const auto p = [&](double rate) {
      return (obs_given ? std::pow(rate, obs) : std::pow(1 - rate, obs)) *
             (cond_given ? std::pow(rate, cond) : std::pow(1 - rate, cond));
    };
    return 0.2 + 0.2 * p(0.3) + 0.2 * p(0.7);
  };
  check_fraction((drawn == pattern({0, 0, 1, 1, 1})).all(1), exactly(0, 1));
  check_fraction((drawn == pattern({1, 1, 0, 0, 0})).all(1), exactly(1, 0));
  CHECK_FALSE(drawn.all(1).any().item<bool>());
}

TEST_CASE("each row draws its own random mask", "[method][mask]") {
  ConditionMaskOptions options;
  options.joint = options.posterior = options.likelihood = options.random_high = 0;
  options.random_low_rate = 0.5;
  const at::Tensor drawn = draw(ConditionMask(options, obs, cond, at::kCPU), many);
  // Tokens of a row, and a token of neighbouring rows, agree no more often than chance; the all-true reset
  // costs 2^-5 of the rows.
  const at::Tensor same = drawn.slice(0, 0, many - 1).select(1, 0) == drawn.slice(0, 1).select(1, 0);
  const double p = 0.5 - std::pow(0.5, tokens);
  check_fraction(same, p * p + (1 - p) * (1 - p));
  CHECK(std::get<0>(at::unique_dim(drawn.to(at::kByte), 0)).size(0) == (1 << tokens) - 1);
}

TEST_CASE("weights are in proportion to each other, and zero never occurs", "[method][mask]") {
  ConditionMaskOptions options;
  options.joint = 3;
  options.posterior = 1;
  options.likelihood = options.random_low = options.random_high = 0;
  const at::Tensor drawn = draw(ConditionMask(options, obs, cond, at::kCPU), many);
  check_fraction(drawn.any(1).logical_not(), 0.75);
  check_fraction((drawn == pattern({0, 0, 1, 1, 1})).all(1), 0.25);
  CHECK(
      (drawn.any(1).logical_not().sum() + (drawn == pattern({0, 0, 1, 1, 1})).all(1).sum()).item<int64_t>() ==
      many);
}

TEST_CASE("a kind takes one mask for all rows", "[method][mask]") {
  const auto only = [](MaskKind kind) {
    ConditionMaskOptions options;
    options.kind = kind;
    return draw(ConditionMask(options, obs, cond, at::kCPU), 50);
  };
  CHECK((only(MaskKind::posterior) == pattern({0, 0, 1, 1, 1})).all().item<bool>());
  CHECK((only(MaskKind::likelihood) == pattern({1, 1, 0, 0, 0})).all().item<bool>());
  CHECK_FALSE(only(MaskKind::joint).any().item<bool>());
}

TEST_CASE("the smallest and largest uniform numbers give masks of the mixture", "[method][mask]") {
  const ConditionMask mask({}, obs, cond, at::kCPU);
  const at::Tensor low = mask.draw(at::full({1, mask.numbers()}, 0x1p-25)),
                   high = mask.draw(at::full({1, mask.numbers()}, 1 - 0x1p-24));
  CHECK_FALSE(low.any().item<bool>());   // joint
  CHECK_FALSE(high.any().item<bool>());  // random_high, no token below its rate
}

TEST_CASE("without x every row is joint, and a likelihood has nothing to infer", "[method][mask]") {
  ConditionMaskOptions options;
  for (const MaskKind kind : {MaskKind::structured, MaskKind::posterior, MaskKind::joint}) {
    options.kind = kind;
    CHECK_FALSE(draw(ConditionMask(options, obs, 0, at::kCPU), 200).any().item<bool>());
  }
  options.kind = MaskKind::likelihood;
  const auto message = error_of([&] { ConditionMask(options, obs, 0, at::kCPU); });
  CHECK_THAT(message, ContainsSubstring("condition_mask.kind") && ContainsSubstring("no x"));
}

TEST_CASE("a mask is covered exactly if it can be drawn", "[method][mask]") {
  ConditionMaskOptions options;
  CHECK(covers(ConditionMask(options, obs, cond, at::kCPU), {1, 0, 0, 1, 0}));
  options.random_low = options.random_high = 0;
  const ConditionMask plain(options, obs, cond, at::kCPU);
  CHECK(covers(plain, {0, 0, 0, 0, 0}));
  CHECK(covers(plain, {0, 0, 1, 1, 1}));
  CHECK(covers(plain, {1, 1, 0, 0, 0}));
  CHECK_FALSE(covers(plain, {1, 0, 0, 1, 0}));
  CHECK_FALSE(covers(plain, {1, 1, 1, 1, 1}));
  // What is said of tokens without a value does not count.
  CHECK(covers(plain, {0, 0, 2, 1, 1}));
  CHECK(covers(plain, {0, 0, 2, 2, 2}));
  CHECK_FALSE(covers(plain, {1, 0, 2, 1, 0}));
  options.kind = MaskKind::posterior;
  CHECK_FALSE(covers(ConditionMask(options, obs, cond, at::kCPU), {0, 0, 0, 0, 0}));
}

TEST_CASE("weights that are negative or all 0, and rates that decide, are refused", "[method][mask]") {
  const auto read = [](const std::string& section) {
    const config::Value document = config::parse_yaml("condition_mask: " + section, "c.yaml");
    config::Reader reader(document);
    ConditionMaskOptions options;
    reader.read(method::condition_mask_table(), options);
    method::check(options, reader);
    reader.finish();
  };
  const std::string zeros = "joint: 0, posterior: 0, likelihood: 0, random_low: 0, random_high: 0";
  CHECK_THAT(error_of([&] { read("{posterior: -0.1}"); }),
             ContainsSubstring("condition_mask.posterior must be"));
  CHECK_THAT(error_of([&] { read("{" + zeros + "}"); }), ContainsSubstring("all 0"));
  CHECK_THAT(error_of([&] { read("{random_low_rate: 1}"); }), ContainsSubstring("random_low_rate"));
  CHECK_THAT(error_of([&] { read("{kind: posteror}"); }), ContainsSubstring("did you mean 'posterior'"));
  read("{kind: joint, " + zeros + "}");  // weights are of the mixture alone
}
