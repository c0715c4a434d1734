// prior.parameters as configs write it.
#include <cmath>
#include <numbers>
#include <utility>

#include <catch2/catch_test_macros.hpp>

#include "config/reader.hpp"
#include "data/data_options.hpp"
#include "data/errors.hpp"
#include "data/prior/prior.hpp"

using namespace fluxsbi;
using test::says;

namespace {

struct Read {
  data::PriorOptions prior;
  std::vector<std::string> theta_names;
};

Read read_config(const std::string& text) {
  const auto document = config::parse_yaml(text, "a.yaml");
  config::Reader reader(document);
  data::DataOptions data;
  Read result;
  reader.read(data::data_table(), data);
  reader.read(data::data_names_table(), data);
  reader.read(data::prior_table(), result.prior);
  data::resolve(result.prior, reader);
  data::adopt_names(result.prior, data.theta_names, reader);
  result.theta_names = data.theta_names;
  reader.finish();
  return result;
}

std::string parameters(const std::string& lines) {
  return "prior:\n  parameters:\n" + lines;
}

const std::string mixed = parameters(R"(
    mass: {kind: loguniform, low: 1e-3, high: 10}
    slope: {kind: normal, mu: 0.5, sigma: 2}
    plane: {kind: multivariate_normal, names: [a, b], mean: [0, 1], covariance: [[2, 0.3], [0.3, 1]]}
    rest: {kind: dirichlet, names: [f_0, f_1], concentration: [1, 2, 3.5]}
    time: {kind: gamma, shape: 2, scale: 4, low: 1, high: .inf}
    pair: {kind: student_t, names: [u, "v w"], df: 3, mean: 0, scale: 1}
)");

}  // namespace

TEST_CASE("a uniform prior is a box, and kinds of single parameters are sent where they belong",
          "[data][prior]") {
  const auto uniform = read_config("prior: {kind: uniform, low: [-1, 0], high: [1, 2]}\n");
  CHECK(uniform.prior.kind == data::PriorKind::box);
  CHECK(uniform.prior.high == std::vector<double>{1, 2});
  REQUIRE_USER_ERROR(read_config("prior: {kind: beta}\n"), says("prior.kind must be one of none, box") &&
                                                               says("prior.parameters: {NAME: {kind: beta"));
  REQUIRE_USER_ERROR(read_config("prior: {kind: bx}\n"), says("found 'bx' (did you mean 'box'?)"));
}

TEST_CASE("parameters of a map stand in its order and name theta", "[data][prior][parts]") {
  const Read read = read_config(mixed);
  CHECK(read.prior.kind == data::PriorKind::parameters);
  CHECK(read.theta_names ==
        std::vector<std::string>{"mass", "slope", "a", "b", "f_0", "f_1", "time", "u", "v w"});
  REQUIRE(data::prior_dim(read.prior) == 9);
  const auto prior = data::make_prior(read.prior, 9);
  CHECK(prior->ends(0) == std::pair<double, double>(1e-3, 10));
  CHECK(prior->ends(4) == std::pair<double, double>(0, 1));
  CHECK(prior->ends(6).first == 1);
  CHECK(read.prior.parameters->parts[4].number("rate") == 0.25);  // 1 / scale
}

TEST_CASE("a list of parameters may have names, some or none", "[data][prior][parts]") {
  const std::string one = "    - {kind: uniform, low: 0, high: 1}\n",
                    named = "    - {name: m, kind: exponential, rate: 2}\n";
  CHECK(read_config(parameters(one + one)).theta_names.empty());
  CHECK(read_config(parameters(one + named)).theta_names == std::vector<std::string>{"theta_0", "m"});
  CHECK(read_config(parameters(one + one) + "data:\n  names: {theta: [p, q]}\n").theta_names ==
        std::vector<std::string>{"p", "q"});
}

TEST_CASE("parameters are the same after they were written and read", "[data][prior][parts]") {
  const Read read = read_config(mixed);
  config::Writer writer;
  writer.add(data::prior_table(), data::make_prior(read.prior, 9)->options());
  const Read again = read_config(writer.text());
  CHECK(again.prior.parameters == read.prior.parameters);
  CHECK(again.prior.kind == data::PriorKind::parameters);
  CHECK(again.theta_names == read.theta_names);
}

TEST_CASE("names that data.names gives otherwise are an error with both", "[data][prior][parts]") {
  const std::string two =
      parameters("    a: {kind: uniform, low: 0, high: 1}\n    b: {kind: uniform, low: 0, high: 1}\n");
  CHECK(read_config(two + "data:\n  names: {theta: [a, b]}\n").theta_names ==
        std::vector<std::string>{"a", "b"});
  REQUIRE_USER_ERROR(read_config(two + "data:\n  names: {theta: [b, a]}\n"),
                     says("data.names.theta says b, a, but prior.parameters names a, b"));
}

TEST_CASE("parameters of another section are found by theta's names", "[data][prior][parts]") {
  const std::string section = parameters(R"(
    plane: {kind: multivariate_normal, names: [b, c], mean: [0, 1], covariance: [[1, 0], [0, 1]]}
    a: {kind: normal, mean: 5, std: 1}
)");
  const std::vector<double> centre{5, 0, 1}, as_written{0, 1, 5};
  const auto log_prob = [&](const std::vector<std::string>& names, const std::vector<double>& theta) {
    data::PriorOptions prior = read_config(section).prior;
    data::follow_names(prior, names, "other.yaml");
    return data::make_prior(prior, 3)->log_prob(theta);
  };
  const double at_mode = -1.5 * std::log(2 * std::numbers::pi);
  CHECK(std::abs(log_prob({"a", "b", "c"}, centre) - at_mode) < 1e-12);
  CHECK(std::abs(log_prob({"b", "c", "a"}, as_written) - at_mode) < 1e-12);
  CHECK(std::abs(log_prob({"theta_0", "theta_1", "theta_2"}, as_written) - at_mode) < 1e-12);
  data::PriorOptions turned = read_config(parameters("    theta_1: {kind: normal, mean: 1, std: 1}\n"
                                                     "    theta_0: {kind: normal, mean: 0, std: 1}\n"))
                                  .prior;
  data::follow_names(turned, {"theta_0", "theta_1"}, "other.yaml");
  CHECK(turned.parameters->parts[0].number("mean") == 0);
  REQUIRE_USER_ERROR(log_prob({"a", "b", "d"}, centre),
                     says("other.yaml: prior.parameters names b, c, a, but theta is a, b, d"));
  REQUIRE_USER_ERROR(log_prob({"b", "a", "c"}, centre), says("those of a group in this order"));
}

TEST_CASE("mistakes in parameters are named by place, path, value and remedy", "[data][prior][parts]") {
  const auto refuses = [](const std::string& lines, auto matcher) {
    REQUIRE_USER_ERROR(read_config(parameters(lines)), std::move(matcher));
  };
  refuses("    mass: {kind: loguniform, low: 0, high: 10}\n",
          says("a.yaml:3:35: prior.parameters.mass.low must be above 0, found 0"));
  refuses("    mass: {kind: uniform, low: 2, high: 1}\n",
          says("prior.parameters.mass.low must be below high = 1, found 2"));
  refuses("    mass: {kind: unifrom, low: 2, high: 1}\n",
          says("prior.parameters.mass.kind must be one of uniform") && says("did you mean 'uniform'?"));
  refuses("    mass: {kind: normal, mean: 0, sdt: 1}\n",
          says("prior.parameters.mass.sdt is no key of the kind normal, which has mean, std, low, high") &&
              says("did you mean 'std'?"));
  refuses("    mass: {kind: gamma, shape: 1}\n",
          says("prior.parameters.mass lacks rate (or scale, which is 1 / rate)"));
  refuses("    mass: {kind: gamma, shape: 1, rate: 1, scale: 1}\n",
          says("prior.parameters.mass.scale") && says("keep one"));
  refuses("    mass: {kind: exponential, scale: -2}\n",
          says("prior.parameters.mass.scale must be above 0, found -2"));
  refuses("    mass: {kind: beta, alpha: 2, beta: 2, high: 5}\n",
          says("prior.parameters.mass.high = 5 lies outside the support of the kind beta, [0, 1]") &&
              says("do not stretch"));
  refuses("    mass: {kind: gamma, shape: 1, rate: 1, low: 1e4}\n",
          says("prior.parameters.mass.low leaves no probability"));
  refuses("    mass: {kind: truncated_normal, mean: 1, std: 1}\n", says("lacks low or high"));
  refuses("    mass: {kind: normal, mean: .inf, std: 1}\n",
          says("prior.parameters.mass.mean must be finite"));
  refuses("    mass: {kind: normal, mean: x, std: 1}\n",
          says("prior.parameters.mass.mean must be a number, found 'x'"));
  refuses("    mass: 3\n", says("prior.parameters.mass must be a section"));
  refuses("    mass: {low: 0, high: 1}\n", says("prior.parameters.mass lacks kind"));
  refuses(
      "    - {name: a, kind: uniform, low: 0, high: 1}\n    - {name: a, kind: uniform, low: 3, high: 1}\n",
      says("prior.parameters[1].low"));
  refuses(
      "    - {name: a, kind: uniform, low: 0, high: 1}\n    - {name: a, kind: uniform, low: 0, high: 1}\n",
      says("second parameter of the name 'a'"));
  // Every mistake at once.
  refuses("    a: {kind: normal, mean: 0, std: 0}\n    b: {kind: normal, mean: 0, std: -1}\n",
          says("prior.parameters.a.std") && says("prior.parameters.b.std"));
  REQUIRE_USER_ERROR(read_config("prior: {parameters: {}}\n"), says("holds no parameters"));
  REQUIRE_USER_ERROR(
      read_config("prior: {kind: box, low: [0], parameters: [{kind: uniform, low: 0, high: 1}]}\n"),
      says("prior.kind = box stands beside prior.parameters") && says("prior.low stands beside"));
  REQUIRE_USER_ERROR(read_config("prior: {kind: parameters}\n"), says("needs the key prior.parameters"));
}

TEST_CASE("groups that are none are refused", "[data][prior][parts]") {
  const auto refuses = [](const std::string& entry, auto matcher) {
    REQUIRE_USER_ERROR(read_config("prior: {parameters: {g: " + entry + "}}\n"), std::move(matcher));
  };
  refuses("{kind: multivariate_normal, names: [a, b], mean: [0, 0], covariance: [[1, 2], [2, 1]]}",
          says("prior.parameters.g.covariance must be positive definite"));
  refuses("{kind: multivariate_normal, names: [a, b], mean: [0, 0], covariance: [[1, 0.2], [0.3, 1]]}",
          says("must be symmetric; row 1, column 0 has 0.3 and its mirror image 0.2"));
  refuses("{kind: multivariate_normal, names: [a, b], mean: [0, 0], covariance: [[1]]}",
          says("holds 1 numbers, mean has 2"));
  refuses("{kind: multivariate_normal, names: [a, b], mean: [0, 0], covariance: [[1, 0], [0]]}",
          says("square matrix"));
  refuses("{kind: multivariate_normal, names: [a, b], mean: [0, 0]}",
          says("needs either covariance, or scale"));
  refuses(
      "{kind: multivariate_normal, names: [a, b], mean: [0, 0], scale: [1, 2], correlation: [[2, 0], [0, "
      "1]]}",
      says("ones on its diagonal, found 2"));
  refuses("{kind: multivariate_normal, names: [a], mean: [0, 0], covariance: [[1, 0], [0, 1]]}",
          says("prior.parameters.g.names has 1 names, the part has 2"));
  refuses("{kind: dirichlet, names: [a, b, c], concentration: [1, 1, 1]}",
          says("names 3 fractions, of which theta holds 2") && says("remove 'c'"));
  refuses("{kind: dirichlet, concentration: [1]}",
          says("prior.parameters.g.concentration needs an entry for each of two"));
}

TEST_CASE("parameters that do not fit theta are refused by number and name", "[data][prior][parts]") {
  const Read read = read_config(
      parameters("    a: {kind: uniform, low: 0, high: 1}\n    b: {kind: uniform, low: 0, high: 1}\n"));
  REQUIRE_USER_ERROR(data::make_prior(read.prior, 3),
                     says("prior.parameters holds 2 parameters (a, b), theta has 3 components"));
  data::PriorOptions wrong = read.prior;
  wrong.parameters->parts[1].numbers[0].second[0] = 5;  // as a program might
  REQUIRE_USER_ERROR(data::make_prior(wrong, 2),
                     says("prior.parameters.b.low must be below high = 1, found 5"));
}
