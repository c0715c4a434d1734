// log-prob and map under another prior than that of the training, for posteriors that are known exactly.
#include <array>
#include <cmath>
#include <filesystem>
#include <functional>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include "app/expect.hpp"
#include "app/program.hpp"
#include "checkpoint/model_file.hpp"
#include "io/atomic_file.hpp"
#include "io/files.hpp"
#include "support/square_grid.hpp"
#include "support/temporary_folder.hpp"

namespace fluxsbi::test {
namespace {

using Words = std::vector<std::string>;
using Two = std::array<double, 2>;

constexpr double solver_tolerance = 1e-3;  // of log q, in which a theta of float32 is standardised
constexpr double errors = 4;               // standard errors of log Z that a right one keeps within

struct Normals {
  Two mean, deviation;

  double log_density(const Two& theta) const {
    double sum = 0;
    for (size_t i = 0; i < 2; ++i) {
      const double u = (theta[i] - mean[i]) / deviation[i];
      sum -= u * u / 2 + std::log(deviation[i]) + std::log(2 * M_PI) / 2;
    }
    return sum;
  }
};

// The posterior q under the prior `other` in place of `training`, and log Z.
struct Changed {
  Normals posterior;
  double log_z = 0;

  Changed(const Normals& q, const Normals& training, const Normals& other) {
    for (size_t i = 0; i < 2; ++i) {
      const auto precision = [&](const Normals& of) { return 1 / (of.deviation[i] * of.deviation[i]); };
      const double sum = precision(q) + precision(other) - precision(training);
      posterior.mean[i] = (precision(q) * q.mean[i] + precision(other) * other.mean[i] -
                           precision(training) * training.mean[i]) /
                          sum;
      posterior.deviation[i] = 1 / std::sqrt(sum);
    }
    const Two zero{0, 0};
    log_z = q.log_density(zero) + other.log_density(zero) - training.log_density(zero) -
            posterior.log_density(zero);
  }
};

const Normals standard{{0, 0}, {1, 1}};
const Normals shifted{{0.7, 0.1}, {0.4, 0.3}};
const char* const shifted_text = "prior: {kind: normal, mean: [0.7, 0.1], scale: [0.4, 0.3]}\n";

// A network whose weights are all 0 leaves noise where it is: the model's posterior is N(centre, widths^2)
// exactly, the centre being that of a regression on x: theta_0 = x_0 + 0.4, theta_1 = -0.2.
struct ExactModel {
  TemporaryFolder folder;
  Two widths{0.5, 0.8};

  explicit ExactModel(const std::string& prior = "{kind: normal, mean: [0, 0], scale: [1, 1]}",
                      const Words& more = {}) {
    succeed({"simulate", "two_moons", "-n", "200", "-o", at("data.npz")});
    std::string config = tiny_config();
    const std::string task = "data: {task: two_moons, simulations: 2000}";
    config.replace(config.find(task), task.size(), "data: {file: " + at("data.npz") + "}");
    io::write_text(at("exact.yaml"), "prior: " + prior + "\n" + config);
    Words words{"train", at("exact.yaml"), "-o", at("run"), "-q", "--set", "training.nsteps=1"};
    words.insert(words.end(), more.begin(), more.end());
    succeed(words);
    change([this](checkpoint::ModelFile& model) { make_exact(model, 0.4); });
    io::write_text(at("x.csv"), "x_0,x_1\n0,0\n");
    io::write_text(at("theta.csv"), "theta_0,theta_1\n0.4,-0.2\n0.6,0\n0.2,-0.9\n1,0.5\n-0.1,0.1\n");
    io::write_text(at("other.yaml"), shifted_text);
  }
  std::string at(const std::string& name) const { return folder.file(name); }

  void change(const std::function<void(checkpoint::ModelFile&)>& edit, const std::string& run = "run") const {
    const std::string file = at(run) + "/model.safetensors";
    checkpoint::ModelFile model = checkpoint::load_model(file);
    edit(model);
    checkpoint::save_model(file, model);
  }
  void make_exact(checkpoint::ModelFile& model, double centre) const {
    for (auto& [name, array] : model.weights) std::fill(array.bytes.begin(), array.bytes.end(), std::byte{0});
    model.theta = {{0, 0}, {1, 1}};
    model.x = {{0, 0}, {1, 1}};
    model.regression = {{centre, -0.2}, {1, 0, 0, 0}, {widths[0], widths[1]}};
    model.reference = {};
  }

  Normals posterior(double x = 0) const { return {{x + 0.4, -0.2}, widths}; }
  Words log_prob(const Words& more = {}, const std::string& prior = "other.yaml") const {
    Words words{"log-prob", at("run"), "--theta", at("theta.csv"), "--x", at("x.csv"), "--prior", at(prior)};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  Words map(const Words& more = {}, const std::string& prior = "other.yaml") const {
    Words words{"map", at("run"), "--x", at("x.csv"), "--prior", at(prior), "-o", at("map.npz"), "--force"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  std::vector<double> numbers(const std::string& file, const std::string& key) const {
    return array_in(at(file), key).to_double();
  }
  nlohmann::json meta(const std::string& file) const {
    const io::Array array = array_in(at(file), "meta");
    const auto* begin = reinterpret_cast<const char*>(array.bytes.data());
    return nlohmann::json::parse(begin, begin + array.bytes.size());
  }
};

const std::vector<Two> points{{0.4, -0.2}, {0.6, 0}, {0.2, -0.9}, {1, 0.5}, {-0.1, 0.1}};

// Densities that differ from `exact` by the error of log Z alone.
void check_densities(const std::vector<double>& found, const std::function<double(size_t)>& exact,
                     double standard_error) {
  const double common = found.front() - exact(0);
  CHECK(std::abs(common) < errors * standard_error + solver_tolerance);
  for (size_t i = 0; i < found.size(); ++i) {
    CAPTURE(i);
    CHECK(std::abs(found[i] - exact(i) - common) < solver_tolerance);
  }
}

std::vector<double> printed(const std::string& text) {
  std::istringstream lines(text);
  std::vector<double> values;
  for (double value = 0; lines >> value;) values.push_back(value);
  return values;
}

}  // namespace

TEST_CASE("under another normal prior log-prob is the density in closed form, and the file says of which",
          "[app][density][prior]") {
  const ExactModel exact;
  const Changed changed(exact.posterior(), standard, shifted);
  const std::string said = succeed(exact.log_prob({"-o", exact.at("lp.npz")}));
  const std::string prior = "under the prior of " + exact.at("other.yaml");
  CHECK(holds(said, prior + ", log Z = "));
  CHECK(holds(said, " from 4000 draws, worth "));
  const double log_z = exact.numbers("lp.npz", "log_z")[0], error = exact.numbers("lp.npz", "log_z_se")[0];
  const double effective = exact.numbers("lp.npz", "effective")[0];
  CHECK(error > 0.003);
  CHECK(error < 0.05);
  CHECK(std::abs(error - std::sqrt(1 / effective - 1 / 4000.0)) < 1e-9);
  CHECK(std::abs(log_z - changed.log_z) < errors * error);
  const auto found = exact.numbers("lp.npz", "log_prob");
  REQUIRE(found.size() == points.size());
  check_densities(
      found, [&](size_t i) { return changed.posterior.log_density(points[i]); }, error);
  const nlohmann::json meta = exact.meta("lp.npz");
  CHECK(meta.at("target") == "the posterior " + prior);
  CHECK(holds(meta.at("prior"), "0.7"));
  CHECK(meta.at("draws") == 4000);
  CHECK(printed(succeed(exact.log_prob({"-q"}))) == found);

  succeed(exact.log_prob({"-o", exact.at("more.h5"), "-n", "16000", "--seed", "5"}));
  CHECK(exact.numbers("more.h5", "log_z_se")[0] < 0.6 * error);
  const double of_more = exact.numbers("more.h5", "log_z")[0];
  CHECK(of_more != log_z);
  CHECK(std::abs(of_more - changed.log_z) < errors * exact.numbers("more.h5", "log_z_se")[0]);
}

TEST_CASE("each observation has a constant of its own, and one that is worth too little is given up",
          "[app][density][prior]") {
  const ExactModel exact;
  // Of the third observation no draw lies near the new prior, where its density says nothing.
  io::write_text(exact.at("x.csv"), "x_0,x_1\n0,0\n0.3,0\n-30,0\n");
  io::write_text(exact.at("theta.csv"), "theta_0,theta_1\n0.4,-0.2\n0.6,0\n0.2,-0.9\n");
  const std::string said = succeed(exact.log_prob({"-o", exact.at("lp.npz")}));
  CHECK(holds(said, "log Z of 3 observations"));
  CHECK(holds(said, "fewer than 100 effective draws (--min-effective): row 2 ("));
  const auto found = exact.numbers("lp.npz", "log_prob"), log_z = exact.numbers("lp.npz", "log_z"),
             error = exact.numbers("lp.npz", "log_z_se");
  for (size_t row = 0; row < 2; ++row) {
    const Changed changed(exact.posterior(row == 0 ? 0 : 0.3), standard, shifted);
    CHECK(std::abs(log_z[row] - changed.log_z) < errors * error[row]);
    check_densities(
        {found[row]}, [&](size_t) { return changed.posterior.log_density(points[row]); }, error[row]);
  }
  CHECK(std::isnan(found[2]));
  CHECK(std::isnan(log_z[2]));
  CHECK(exact.numbers("lp.npz", "effective")[2] < 100);
  const Outcome strict = run(exact.log_prob({"-o", exact.at("strict.npz"), "--strict", "-n", "1000"}));
  CHECK(strict.code == 2);
  CHECK(holds(strict.output, "too few draws decide 1 row of 3"));
  CHECK(std::filesystem::exists(exact.at("strict.npz")));

  succeed(exact.map());
  const auto modes = exact.numbers("map.npz", "map");
  const Changed second(exact.posterior(0.3), standard, shifted);
  CHECK(std::abs(modes[2] - second.posterior.mean[0]) < 0.05);
  CHECK(std::isnan(modes[4]));
  CHECK(std::isnan(exact.numbers("map.npz", "log_prob")[2]));
  CHECK(run(exact.map({"--strict"})).code == 2);
}

TEST_CASE("under another normal prior map finds the mean in closed form, with its density",
          "[app][map][prior]") {
  const ExactModel exact;
  const Changed changed(exact.posterior(), standard, shifted);
  const std::string said = succeed(exact.map({"-n", "2000"}));
  CHECK(holds(said, "under the prior of " + exact.at("other.yaml") + ", log Z = "));
  const auto mode = exact.numbers("map.npz", "map");
  // Velocity 0 carries a normal density exactly, but is no score, by which map would climb to a hundredth
  // (test_mode.cpp). The model's own mode is 0.25 away.
  for (size_t i = 0; i < 2; ++i) CHECK(std::abs(mode[i] - changed.posterior.mean[i]) < 0.05);
  const double error = exact.numbers("map.npz", "log_z_se")[0];
  CHECK(std::abs(exact.numbers("map.npz", "log_prob")[0] -
                 changed.posterior.log_density({mode[0], mode[1]})) < errors * error + solver_tolerance);
  CHECK(exact.meta("map.npz").at("target") == "the posterior under the prior of " + exact.at("other.yaml"));
  CHECK(exact.meta("map.npz").at("draws") == 2000);
  // The mode as points of log-prob: the same posterior, whose draws are others.
  const std::string at_mode = succeed({"log-prob", exact.at("run"), "--theta", exact.at("map.npz"), "--x",
                                       exact.at("x.csv"), "--prior", exact.at("other.yaml")});
  CHECK_FALSE(holds(at_mode, "which is another one"));
  CHECK(
      holds(succeed({"log-prob", exact.at("run"), "--theta", exact.at("map.npz"), "--x", exact.at("x.csv")}),
            "holds modes of the posterior under the prior of"));
}

TEST_CASE("a prior as narrow as a point is normalised by its own draws", "[app][density][map][prior]") {
  const ExactModel exact;
  const Normals spot{{0.5, -0.1}, {1e-3, 2e-3}};
  io::write_text(exact.at("spot.yaml"),
                 "prior: {kind: normal, mean: [0.5, -0.1], scale: [1.0e-3, 2.0e-3]}\n");
  io::write_text(exact.at("theta.csv"), "theta_0,theta_1\n0.5,-0.1\n0.501,-0.099\n");
  const Changed changed(exact.posterior(), standard, spot);
  const std::string said = succeed(exact.log_prob({"-o", exact.at("lp.npz")}, "spot.yaml"));
  CHECK(holds(said, "draws of the prior of " + exact.at("spot.yaml") + " take the place of the model's"));
  CHECK(std::abs(exact.numbers("lp.npz", "log_z")[0] - changed.log_z) < 0.01);
  const std::vector<Two> near{{0.5, -0.1}, {0.501, -0.099}};
  check_densities(
      exact.numbers("lp.npz", "log_prob"), [&](size_t i) { return changed.posterior.log_density(near[i]); },
      0.0025);
  succeed(exact.map({}, "spot.yaml"));
  const auto mode = exact.numbers("map.npz", "map");
  CHECK(std::abs(mode[0] - changed.posterior.mean[0]) < 2e-4);
  CHECK(std::abs(mode[1] - changed.posterior.mean[1]) < 4e-4);
}

TEST_CASE("under half of a box the density integrates to 1, and is 0 in the other half",
          "[app][density][map][prior]") {
  ExactModel exact("{kind: box, low: [-1, -1], high: [1, 1]}");
  io::write_text(exact.at("half.yaml"), "prior: {kind: box, low: [-1, -1], high: [0, 1]}\n");
  constexpr int64_t cells = 40;
  const test::SquareGrid grid(cells, 1);
  io::save_arrays(exact.at("grid.npy"), {{"theta", io::Array::from(grid.points, {cells * cells, 2})}});
  const auto mass_of = [&](const Words& more) {
    Words words{"log-prob", exact.at("run"),
                "--theta",  exact.at("grid.npy"),
                "--x",      exact.at("x.csv"),
                "--solver", "midpoint",
                "--steps",  "4",
                "-o",       exact.at("lp.npz"),
                "--force"};
    words.insert(words.end(), more.begin(), more.end());
    succeed(words);
    double mass = 0;
    for (const double value : exact.numbers("lp.npz", "log_prob")) mass += std::exp(value) * grid.area;
    return mass;
  };
  // Of the model's own density 32 % lie outside the box, which log-prob does not make up for.
  CHECK(std::abs(mass_of({}) - 0.683) < 0.005);
  const double mass = mass_of({"--prior", exact.at("half.yaml")});
  const double error = exact.numbers("lp.npz", "log_z_se")[0];
  CHECK(error < 0.04);
  CHECK(std::abs(mass - 1) < errors * error + 0.002);
  const auto densities = exact.numbers("lp.npz", "log_prob");
  for (size_t i = 0; i < densities.size(); ++i)
    CHECK((grid.points[2 * i] > 0) == (densities[i] == -std::numeric_limits<double>::infinity()));
  // The draws outside the box count: Z is twice the model's mass in the half.
  const auto below = [](double z) { return std::erfc(-z / std::sqrt(2)) / 2; };
  const double in_half =
      (below((0 - 0.4) / 0.5) - below((-1 - 0.4) / 0.5)) * (below((1 + 0.2) / 0.8) - below((-1 + 0.2) / 0.8));
  CHECK(std::abs(exact.numbers("lp.npz", "log_z")[0] - std::log(2 * in_half)) < errors * error);
  // The mode lies at the edge nearest to the model's.
  succeed(exact.map({}, "half.yaml"));
  const auto mode = exact.numbers("map.npz", "map");
  CHECK(mode[0] <= 0);
  CHECK(mode[0] > -1e-3);
  CHECK(std::abs(mode[1] + 0.2) < 0.01);
}

TEST_CASE("an ensemble's density under another prior is that of its mixture",
          "[app][density][ensemble][prior]") {
  const ExactModel exact("{kind: normal, mean: [0, 0], scale: [1, 1]}", {"--set", "training.ensemble=2"});
  exact.change([&](checkpoint::ModelFile& model) {
    REQUIRE(model.members.size() == 2);
    exact.make_exact(model.members[0], 0.4);
    exact.make_exact(model.members[1], -0.6);
    model.reference = {};
  });
  const std::array<Normals, 2> members{exact.posterior(0), exact.posterior(-1)};
  double z = 0;
  for (const Normals& member : members) z += std::exp(Changed(member, standard, shifted).log_z) / 2;
  succeed(exact.log_prob({"-o", exact.at("lp.npz")}));
  const double error = exact.numbers("lp.npz", "log_z_se")[0];
  CHECK(std::abs(exact.numbers("lp.npz", "log_z")[0] - std::log(z)) < errors * error);
  check_densities(
      exact.numbers("lp.npz", "log_prob"),
      [&](size_t i) {
        const double q =
            (std::exp(members[0].log_density(points[i])) + std::exp(members[1].log_density(points[i]))) / 2;
        return std::log(q) + shifted.log_density(points[i]) - standard.log_density(points[i]) - std::log(z);
      },
      error);
}

TEST_CASE("a student's density under another prior is its teacher's, by the teacher's draws",
          "[app][density][distill][prior]") {
  const ExactModel exact;
  succeed({"distill", exact.at("run"), "-o", exact.at("student"), "-q", "--set", "training.nsteps=1"});
  // The student's own draws lie elsewhere.
  exact.change([](checkpoint::ModelFile& model) { model.theta.mean = {30, 30}; }, "student");
  Words words = exact.log_prob({"-o", exact.at("lp.npz")});
  words[1] = exact.at("student");
  succeed(words);
  const Changed changed(exact.posterior(), standard, shifted);
  const double error = exact.numbers("lp.npz", "log_z_se")[0];
  CHECK(std::abs(exact.numbers("lp.npz", "log_z")[0] - changed.log_z) < errors * error);
  check_densities(
      exact.numbers("lp.npz", "log_prob"), [&](size_t i) { return changed.posterior.log_density(points[i]); },
      error);
}

TEST_CASE("densities say to summary and export of which posterior they are", "[app][density][prior]") {
  const ExactModel exact;
  const auto at = [&](const std::string& name) { return exact.at(name); };
  succeed({"sample", at("run"), "--x", at("x.csv"), "-n", "200", "-o", at("s.npz")});
  succeed(
      {"sample", at("run"), "--x", at("x.csv"), "-n", "200", "--prior", at("other.yaml"), "-o", at("o.npz")});
  const std::string target = "the posterior under the prior of " + at("other.yaml");
  for (const std::string samples : {"s", "o"}) {
    succeed({"log-prob", at("run"), "--theta", at(samples + ".npz"), "--x", at("x.csv"), "--prior",
             at("other.yaml"), "-o", at(samples + "_lp.npz")});
    const bool other = samples == "s";
    const std::string problem =
        "holds densities of " + target + ", and " + at("s.npz") + " samples of the model's own posterior";
    CHECK(holds(succeed({"summary", at(samples + ".npz"), "--log-prob", at(samples + "_lp.npz")}), problem) ==
          other);
    const std::string said = succeed({"export", at(samples + ".npz"), "--log-prob", at(samples + "_lp.npz"),
                                      "-o", at(samples + "_export.npz")});
    CHECK(holds(said, problem) == other);
    const nlohmann::json meta = exact.meta(samples + "_export.npz");
    CHECK(meta.at("log_prob_target") == target);
    CHECK(meta.contains("target") != other);
  }
}

TEST_CASE("what log-prob and map cannot do under another prior is said before the work",
          "[app][density][map][prior][mistake]") {
  const ExactModel exact;
  const std::string out = exact.at("lp.npz");
  const auto wrong = [&](const std::string& text, const std::string& part) {
    io::write_text(exact.at("wrong.yaml"), text);
    refuses(exact.log_prob({"-o", out}, "wrong.yaml"), part);
    refuses(exact.map({}, "wrong.yaml"), part);
    CHECK_FALSE(std::filesystem::exists(out));
    CHECK_FALSE(std::filesystem::exists(exact.at("map.npz")));
  };
  wrong(
      "prior: {parameters: {theta_0: {kind: normal, mean: 0, std: 1}, b: {kind: normal, mean: 0, std: 1}}}\n",
      "wrong.yaml");
  wrong("prior: {kind: custom, low: [-1, -1], high: [0, 0]}\n", "without a density");
  wrong("", "holds no section prior");
  // Sixty deviations from the posterior no density says anything.
  wrong("prior: {kind: normal, mean: [30, 30], scale: [0.01, 0.01]}\n", "no row has 100 effective draws");
  refuses(exact.log_prob({"-o", out}, "absent.yaml"), "absent.yaml");
  refuses(exact.map({}, "absent.yaml"), "absent.yaml");
  refuses(exact.log_prob({"-n", "0"}), "--draws");
  refuses(exact.log_prob({"-n", "50"}), "--draws 50 are fewer than the 100");
  refuses(exact.map({"-n", "50"}), "--draws 50 are fewer than the 100");
  CHECK(printed(succeed(exact.log_prob({"-q", "-n", "50", "--min-effective", "5"}))).size() == 5);
  const Words plain{"log-prob", exact.at("run"), "--theta", exact.at("theta.csv"), "--x", exact.at("x.csv")};
  for (const std::string option : {"--draws", "--min-effective"}) {
    Words words = plain;
    words.insert(words.end(), {option, "200"});
    refuses(words, option + " says how densities under another prior are normalised");
  }
  refuses(
      {"map", exact.at("run"), "--x", exact.at("x.csv"), "-o", exact.at("map.npz"), "--min-effective", "5"},
      "--min-effective says when draws are worth too little");
  refuses({"log-prob", exact.at("run"), "--values", exact.at("data.npz"), "--prior", exact.at("other.yaml")},
          "needs --theta and --x");

  ExactModel box("{kind: box, low: [-1, -1], high: [1, 1]}");
  io::write_text(box.at("wide.yaml"), "prior: {kind: box, low: [-1, -2], high: [1, 1]}\n");
  refuses(box.log_prob({}, "wide.yaml"), "outside the training prior's support");
  refuses(box.map({}, "wide.yaml"), "outside the training prior's support");
  const ExactModel unknown("{kind: none}");
  refuses(unknown.log_prob(), "does not know the prior that it was trained under");
  refuses(unknown.map(), "does not know the prior that it was trained under");
}

}  // namespace fluxsbi::test
