#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "core/philox.hpp"

using namespace fluxsbi::core;

namespace {

using Block = std::array<uint32_t, 4>;

struct Moments {
  double mean = 0, variance = 0, skew = 0, kurtosis = 0;
};

Moments moments_of(const std::vector<double>& values) {
  Moments m;
  const auto n = static_cast<double>(values.size());
  for (const double v : values) m.mean += v / n;
  for (const double v : values) {
    const double d = v - m.mean;
    m.variance += d * d / n;
    m.skew += d * d * d / n;
    m.kurtosis += d * d * d * d / n;
  }
  m.skew /= std::pow(m.variance, 1.5);
  m.kurtosis /= m.variance * m.variance;
  return m;
}

double correlation(const std::vector<double>& a, const std::vector<double>& b) {
  const double mean_a = moments_of(a).mean, mean_b = moments_of(b).mean;
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += (a[i] - mean_a) * (b[i] - mean_b);
  const auto n = static_cast<double>(a.size());
  return sum / n / std::sqrt(moments_of(a).variance * moments_of(b).variance);
}

std::vector<double> normals(Philox random, size_t count) {
  std::vector<double> values(count);
  for (double& v : values) v = random.normal();
  return values;
}

constexpr size_t draws = 200000;
// Five standard errors of a mean of `draws` values of variance 1.
const double five_errors = 5 / std::sqrt(static_cast<double>(draws));

}  // namespace

TEST_CASE("Philox4x32-10 gives the known answers of Random123", "[core][philox]") {
  // kat_vectors of Random123 (Salmon et al. 2011), rows "philox4x32 10"; the key's low word stands first.
  CHECK(philox4x32(0, {0, 0, 0, 0}) == Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  constexpr uint32_t ones = 0xffffffff;
  CHECK(philox4x32(0xffffffffffffffff, {ones, ones, ones, ones}) ==
        Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox4x32(0x299f31d0a4093822, {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}) ==
        Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("a stream depends on its whole name and on nothing else", "[core][philox]") {
  const auto first = [](uint64_t seed, Purpose purpose, uint64_t stream, uint32_t substream) {
    return Philox(seed, purpose, stream, substream).next_u64();
  };
  CHECK(first(1, Purpose::prior, 2, 3) == first(1, Purpose::prior, 2, 3));
  std::set<uint64_t> seen;
  for (const uint64_t seed : {0u, 1u, 2u}) {
    for (const Purpose purpose : {Purpose::prior, Purpose::simulator, Purpose::sampling}) {
      for (const uint64_t stream : {uint64_t{0}, uint64_t{1}, uint64_t{1} << 32}) {
        for (const uint32_t substream : {0u, 1u}) seen.insert(first(seed, purpose, stream, substream));
      }
    }
  }
  CHECK(seen.size() == 3 * 3 * 3 * 2);
}

TEST_CASE("normal numbers have the moments of the normal distribution", "[core][philox]") {
  const Moments m = moments_of(normals(Philox(7, Purpose::test), draws));
  CHECK(std::abs(m.mean) < five_errors);
  CHECK(std::abs(m.variance - 1) < std::sqrt(2.0) * five_errors);
  CHECK(std::abs(m.skew) < std::sqrt(6.0) * five_errors);
  CHECK(std::abs(m.kurtosis - 3) < std::sqrt(24.0) * five_errors);
}

TEST_CASE("uniform numbers fill [0, 1) evenly", "[core][philox]") {
  Philox random(8, Purpose::test);
  std::vector<double> values(draws);
  for (double& v : values) v = random.uniform();
  CHECK(*std::min_element(values.begin(), values.end()) >= 0);
  CHECK(*std::max_element(values.begin(), values.end()) < 1);
  const Moments m = moments_of(values);
  CHECK(std::abs(m.mean - 0.5) < std::sqrt(1.0 / 12) * five_errors);
  CHECK(std::abs(m.variance - 1.0 / 12) < std::sqrt(1.0 / 180) * five_errors);
  std::sort(values.begin(), values.end());
  double largest = 0;  // Kolmogorov-Smirnov distance
  for (size_t i = 0; i < draws; ++i)
    largest = std::max(largest, std::abs(values[i] - (static_cast<double>(i) + 0.5) / draws));
  constexpr double one_in_ten_million = 2.9;  // its quantile, times sqrt(n)
  CHECK(largest * std::sqrt(static_cast<double>(draws)) < one_in_ten_million);
}

TEST_CASE("open uniform numbers are never 0 or 1", "[core][philox]") {
  Philox random(9, Purpose::test);
  for (size_t i = 0; i < draws; ++i) {
    const double value = random.uniform_open();
    REQUIRE(value > 0);
    REQUIRE(value < 1);
  }
}

TEST_CASE("neighbouring streams are uncorrelated", "[core][philox]") {
  const auto base = normals(Philox(1, Purpose::sampling, 5, 5), draws);
  CHECK(std::abs(correlation(base, normals(Philox(1, Purpose::sampling, 6, 5), draws))) < five_errors);
  CHECK(std::abs(correlation(base, normals(Philox(1, Purpose::sampling, 5, 6), draws))) < five_errors);
  CHECK(std::abs(correlation(base, normals(Philox(2, Purpose::sampling, 5, 5), draws))) < five_errors);
  CHECK(std::abs(correlation(base, normals(Philox(1, Purpose::prior, 5, 5), draws))) < five_errors);
  const std::vector<double> head(base.begin(), base.end() - 1), tail(base.begin() + 1, base.end());
  CHECK(std::abs(correlation(head, tail)) < five_errors);
}

TEST_CASE("whole numbers below n are even for any n", "[core][philox]") {
  Philox random(10, Purpose::test);
  for (const uint64_t n : {1u, 2u, 3u, 7u, 64u}) {
    std::vector<double> count(n, 0);
    for (size_t i = 0; i < draws; ++i) {
      const uint64_t value = random.below(n);
      REQUIRE(value < n);
      ++count[value];
    }
    const double expected = static_cast<double>(draws) / static_cast<double>(n);
    for (const double c : count) CHECK(std::abs(c - expected) <= 5 * std::sqrt(expected));
  }
  constexpr uint64_t most = UINT64_MAX;
  uint64_t upper_half = 0;
  for (size_t i = 0; i < 1000; ++i) upper_half += random.below(most) > most / 2;
  CHECK(upper_half > 400);  // six standard deviations below 500
  CHECK(upper_half < 600);
}

TEST_CASE("derived seeds differ for every seed, purpose and index", "[core][philox]") {
  std::set<uint64_t> seen;
  for (uint64_t seed = 0; seed < 30; ++seed) {
    for (uint64_t index = 0; index < 30; ++index) {
      seen.insert(derive_seed(seed, Purpose::prior, index));
      seen.insert(derive_seed(seed, Purpose::split, index));
    }
  }
  CHECK(seen.size() == 2 * 30 * 30);
}
