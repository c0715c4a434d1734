// Students of exact teachers: what they are told to learn is the teacher's own map.
#include <cmath>
#include <functional>
#include <vector>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Functions.h>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include "method/student.hpp"
#include "sample/exact_network.hpp"
#include "sample/options.hpp"
#include "sample/solver/solver.hpp"
#include "support/catch.hpp"
#include "support/toy_network.hpp"

using namespace fluxsbi;
using test::Gaussian;

namespace {

constexpr double factor = 2;  // that the state is multiplied by before the network sees it

class FactorPath : public test::PlainPath {
 public:
  using PlainPath::PlainPath;
  method::Query query(const at::Tensor& t) const override { return {t, at::full_like(t, factor)}; }
};

class FactorMethod : public test::MethodOf {
 public:
  using MethodOf::MethodOf;
  std::unique_ptr<method::Path> path() const override { return std::make_unique<FactorPath>(inner_->path()); }
};

std::unique_ptr<method::Method> method_of(const std::string& name) {
  return std::make_unique<FactorMethod>(test::method_named(name));
}

// A network that answers by a function of its inputs. Its parameter is there because networks have some.
class AnsweringNetwork : public model::Network {
 public:
  using Answer = std::function<at::Tensor(const model::Inputs&)>;
  explicit AnsweringNetwork(Answer answer) : answer_(std::move(answer)) {
    register_parameter("nothing", at::zeros({1}));
  }
  at::Tensor forward(const model::Inputs& in) override { return answer_(in); }
  bool joint() const override { return false; }
  void initialise(uint64_t) override {}

 private:
  Answer answer_;
};

std::unique_ptr<engine::Engine> engine_of(AnsweringNetwork::Answer answer) {
  return engine::make_reference_engine(std::make_shared<AnsweringNetwork>(std::move(answer)), at::kFloat,
                                       at::kCPU);
}

std::unique_ptr<engine::Engine> exact_teacher(const Gaussian& data, const method::Path& path) {
  return engine_of([network = data.network(path)](const model::Inputs& in) {
    return network(in.t, in.obs / factor, {}).to(at::kFloat);
  });
}

at::Tensor random_normal(at::IntArrayRef shape, uint64_t seed) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  return at::empty(shape, at::kFloat).normal_(0, 1, generator);
}

method::DistillationOptions options_of(int64_t jumps, int64_t substeps, const method::Method& method) {
  method::DistillationOptions options;
  options.evaluations = jumps;
  options.substeps = substeps;
  method::resolve(options, method);
  return options;
}

// Where the teacher's exact equation takes states at its start: each axis keeps its number of deviations.
at::Tensor exact_end(const Gaussian& data, const method::Path& path, const at::Tensor& x) {
  const auto total = [&](const method::Level& level) {
    return level.signal.square() * data.variances() + level.noise.square();
  };
  const auto level_at = [&](double t) { return path.level(at::full({1}, t, at::kDouble)); };
  const method::Level first = level_at(path.start()), last = level_at(path.end());
  const at::Tensor z = data.to_axes(x.to(at::kDouble) - first.signal * data.centre());
  return last.signal * data.centre() + data.from_axes(z * (total(last) / total(first)).sqrt());
}

// Draws by a student that has learned its targets perfectly: the sampler asks, and the regression of the
// same state at the same jump answers. `off` [n]: how far from what the sampler asked with the regression's
// inputs are, relative to their size.
struct PerfectDraws {
  at::Tensor x;
  double off = 0;
};
PerfectDraws perfect_draws(const method::Student& student, const at::Tensor& noise, double spacing) {
  const auto path = student.path();
  const int64_t jumps = student.evaluations(), n = noise.size(0);
  int64_t jump = 0;
  PerfectDraws drawn;
  std::vector<double> times;
  for (int64_t i = 0; i < jumps; ++i)
    times.push_back(
        path->time(1 - std::pow(1 - static_cast<double>(i) / static_cast<double>(jumps), student.spacing())));
  const sample::Evaluate learned = [&](const at::Tensor& t, const at::Tensor& x, const at::Tensor&) {
    const double level =
        jump == 0
            ? path->initial_scale()
            : path->level(at::full({}, times[static_cast<size_t>(jump)], at::kDouble)).noise.item<double>();
    method::Batch batch;
    batch.obs = at::zeros_like(x);
    method::Noise numbers;
    numbers.normal = x / factor / level;  // the state is then x
    numbers.uniform =
        at::full({n}, (static_cast<double>(jump) + 0.5) / static_cast<double>(jumps), at::kFloat);
    const engine::Regression problem = student.regression(batch, numbers);
    const auto apart = [&](const at::Tensor& a, const at::Tensor& b) {
      return ((a - b).abs().max() / b.abs().max().clamp_min(1e-3)).item<double>();
    };
    drawn.off = std::max(
        {drawn.off, apart(problem.inputs.t, t.expand({n}).to(at::kFloat)), apart(problem.inputs.obs, x)});
    ++jump;
    return problem.target;
  };
  const sample::PathEquation equation(*path, learned);
  sample::SolverOptions options;
  options.steps = jumps;
  options.spacing = spacing;
  const auto& ddim = sample::find_solver("ddim");
  const sample::Integration end = sample::sample_path(ddim, equation, equation.initial(noise), options);
  CHECK(end.evaluations == jumps);
  CHECK_FALSE(end.failed.any().item<bool>());
  drawn.x = end.x;
  return drawn;
}

double largest(const at::Tensor& x) {
  return x.abs().max().item<double>();
}

}  // namespace

TEST_CASE("a student that learns its targets draws where its teacher's exact equation leads",
          "[sample][student]") {
  const std::string name = GENERATE(from_range(test::method_names()));
  const int64_t jumps = GENERATE(1, 2, 4);
  CAPTURE(name, jumps);
  const Gaussian data;
  const auto method = method_of(name);
  const auto path = method->path();
  method::Student student(method_of(name), options_of(jumps, 400, *method));
  student.learn_from(exact_teacher(data, *path));
  const at::Tensor noise = random_normal({40, 2, 1}, 1);
  const PerfectDraws drawn = perfect_draws(student, noise, student.spacing());
  CHECK(drawn.off < 1e-4);  // float32
  const at::Tensor exact = exact_end(data, *path, noise.to(at::kDouble) * path->initial_scale());
  CHECK(largest(drawn.x.to(at::kDouble) - exact) < 0.02);  // of widths 0.3 and 1.1
}

TEST_CASE("a sampler on another grid than the student's is no student's", "[sample][student]") {
  const std::string name = GENERATE("flow", "edm", "score_vp");
  CAPTURE(name);
  const Gaussian data;
  const auto method = method_of(name);
  const auto path = method->path();
  method::Student student(method_of(name), options_of(4, 100, *method));
  student.learn_from(exact_teacher(data, *path));
  const at::Tensor noise = random_normal({40, 2, 1}, 1);
  const PerfectDraws drawn = perfect_draws(student, noise, student.spacing() + 1);
  CHECK(drawn.off > 0.05);
  const at::Tensor exact = exact_end(data, *path, noise.to(at::kDouble) * path->initial_scale());
  CHECK(largest(drawn.x.to(at::kDouble) - exact) > 0.1);
}

TEST_CASE("a teacher whose state is not scaled teaches something else", "[sample][student]") {
  const Gaussian data;
  const auto method = method_of("flow");
  const auto path = method->path();
  method::Student student(method_of("flow"), options_of(2, 100, *method));
  student.learn_from(engine_of([network = data.network(*path)](const model::Inputs& in) {
    return network(in.t, in.obs, {}).to(at::kFloat);
  }));
  const at::Tensor noise = random_normal({40, 2, 1}, 1);
  const PerfectDraws drawn = perfect_draws(student, noise, student.spacing());
  const at::Tensor exact = exact_end(data, *path, noise.to(at::kDouble));
  CHECK(largest(drawn.x.to(at::kDouble) - exact) > 0.1);
}

TEST_CASE("with one substep the target is the teacher's own answer: a student begins as ddim",
          "[sample][student]") {
  const std::string name = GENERATE(from_range(test::method_names()));
  CAPTURE(name);
  const Gaussian data;
  const auto method = method_of(name);
  const auto path = method->path();
  method::Student student(method_of(name), options_of(4, 1, *method));
  student.learn_from(exact_teacher(data, *path));
  method::Batch batch;
  batch.obs = random_normal({64, 2, 1}, 2);
  method::Noise noise;
  noise.normal = random_normal({64, 2, 1}, 3);
  noise.uniform = (at::arange(64, at::kFloat) + 0.5f) / 64;
  const engine::Regression problem = student.regression(batch, noise);
  const at::Tensor own = exact_teacher(data, *path)->forward(problem.inputs);
  CHECK(largest(problem.target - own) < 2e-3 * std::max(1.0, largest(own)));
  CHECK(std::abs(problem.weight.expand_as(problem.target).sum().item<float>() - 1) < 1e-5);
}

TEST_CASE("given tokens enter every evaluation as they are, do not move and are not learned",
          "[sample][student][joint]") {
  const bool gaps = GENERATE(false, true);
  const auto method = test::method_named("edm");
  method::Student student(test::method_named("edm"), options_of(3, 5, *method));
  const int64_t rows = 30;
  method::Batch batch;
  batch.obs = random_normal({rows, 3, 1}, 4);
  at::Tensor given = at::zeros({rows, 3, 1}, at::kBool), missing = at::zeros({rows, 3, 1}, at::kBool);
  given.select(1, 1).fill_(true);
  if (gaps) {
    missing.select(1, 2).fill_(true);
    batch.obs = batch.obs.masked_fill(missing, 0);
    batch.missing = missing;
  }
  batch.condition_mask = given;
  int64_t asked = 0;
  auto network = std::make_shared<test::ToyJointNetwork>(3);
  student.learn_from(engine_of([&](const model::Inputs& in) {
    ++asked;
    CHECK(at::equal(in.obs.select(1, 1), batch.obs.select(1, 1)));
    CHECK(at::equal(in.condition_mask, given));
    CHECK(in.missing.defined() == gaps);
    if (gaps) CHECK(largest(in.obs.select(1, 2)) == 0);
    return network->forward(in);
  }));
  method::Noise noise;
  noise.normal = random_normal({rows, 3, 1}, 5);
  noise.uniform = (at::arange(rows, at::kFloat) + 0.5f) / rows;
  const auto problem = [&] { return method::regression(student, batch, noise, 0); };
  const at::NoGradGuard no_gradient;
  const engine::Regression first = problem();
  CHECK(asked == 5);
  CHECK(at::isfinite(first.target).all().item<bool>());
  CHECK(largest(first.weight.select(1, 1)) == 0);
  CHECK(at::equal(first.inputs.condition_mask, given));
  if (gaps) CHECK(largest(first.weight.select(1, 2)) == 0);
  noise.normal.select(1, 1).fill_(7);  // what noise a given token has does not matter
  const engine::Regression again = problem();
  CHECK(at::equal(first.target.select(1, 0), again.target.select(1, 0)));
  CHECK(at::equal(first.inputs.obs, again.inputs.obs));
}

TEST_CASE("a student refuses other steps than its own, and guidance", "[sample][student]") {
  const auto method = test::method_named("flow");
  const method::Student student(test::method_named("flow"), options_of(4, 8, *method));
  sample::SamplingOptions options;
  const auto problem = [&] { return sample::student_problem(options, student); };
  CHECK(problem().empty());
  options.solver = "ddim";
  options.steps = 4;
  options.spacing = 2;
  CHECK(problem().empty());
  CHECK(sample::student_problem(options, *method).empty());
  options.steps = 8;
  CHECK(problem().starts_with("sampling.steps = 8, but the model is a student"));
  options.steps.reset();
  options.solver = "euler_maruyama";
  CHECK(problem().starts_with("sampling.solver = euler_maruyama"));
  options.solver = "auto";
  options.spacing = 1;
  CHECK(problem().starts_with("sampling.spacing = 1"));
  options.spacing.reset();
  options.guidance_scale = 2;
  CHECK(problem().starts_with("sampling.guidance_scale = 2"));
}
