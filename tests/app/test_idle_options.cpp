// What an option asks for is done or refused, never passed over; and no command writes over what it reads.
#include <filesystem>

#include <catch2/catch_test_macros.hpp>

#include "app/expect.hpp"
#include "io/atomic_file.hpp"
#include "io/source.hpp"
#include "io/text_file.hpp"
#include "support/temporary_folder.hpp"

namespace fluxsbi::test {
namespace {

// A tiny model, observations x.npz and samples s.npz.
struct Drawn {
  Drawn() {
    io::write_text(at("tiny.yaml"), tiny_config());
    succeed({"train", at("tiny.yaml"), "-o", at("run"), "-q", "--set", "training.nsteps=20"});
    succeed({"simulate", "two_moons", "-n", "2", "--seed", "3", "-o", at("x.npz")});
    succeed(sample({"-o", at("s.npz")}));
  }
  std::string at(const std::string& name) const { return folder.file(name); }
  std::vector<std::string> sample(const std::vector<std::string>& more) const {
    std::vector<std::string> words{"sample", at("run"), "--x", at("x.npz"), "-n", "20", "--no-reject"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  TemporaryFolder folder;
};

auto bytes_of(const std::string& path) {
  return io::FileSource(path).read_all();
}

TEST_CASE("options that would do nothing, or say the same twice, are refused", "[app][mistake]") {
  const Drawn drawn;
  const std::string out = drawn.at("out.npz");
  const auto sample = [&](std::vector<std::string> more, const std::string& part) {
    more.insert(more.end(), {"-o", out});
    refuses(drawn.sample(more), part);
  };
  sample({"--pool", "8"}, "--pool says how draws are weighed");
  sample({"--choose", "metropolis"}, "--choose says how draws are weighed");
  sample({"--min-effective", "8"}, "--min-effective says how draws are weighed");
  sample({"--steps", "8", "--set", "sampling.steps=4"}, "--set sampling.steps say the same");
  sample({"--set", "sampling.reject=true"}, "--no-reject and --set sampling.reject");
  sample({"--steps", "8", "--solver", "dopri5"}, "dopri5 chooses its own steps");
  sample({"--guidance-min", "1"}, "give --guidance-scale");
  sample({"--guidance-max", "1"}, "give --guidance-scale");

  const std::vector<std::string> density{"log-prob", drawn.at("run"), "--theta", drawn.at("x.npz"),
                                         "--solver", "euler",         "--steps", "2"};
  const auto log_prob = [&](std::vector<std::string> more) {
    more.insert(more.begin(), density.begin(), density.end());
    return more;
  };
  const auto none = [](const std::string& option) { return option + " has no effect here"; };
  for (const char* option : {"--atol", "--rtol"})
    CHECK(holds(succeed(log_prob({option, "1e-3"})), none(option)));
  CHECK(holds(succeed(log_prob({"--seed", "3"})), none("--seed")));
  refuses(log_prob({"--divergence", "hutchinson", "--seed", "-1"}), "whole number from 0 on, found '-1'");

  const std::string picture = drawn.at("out.svg"), page = drawn.at("out.html");
  for (const char* option : {"--row", "--columns", "--truth"})
    refuses({"plot", drawn.at("run"), option, "0", "-o", picture}, "is a run folder");
  refuses({"plot", drawn.at("s.npz"), "--row", "0", "--truth", "nan", "1", "-o", picture}, "a finite number");
  refuses({"report", drawn.at("run"), "--x", drawn.at("x.npz"), "-n", "0", "-o", page}, "above 0");
  for (const auto& file : {out, picture, page}) CHECK_FALSE(std::filesystem::exists(file));
}

TEST_CASE("an option that a command takes no notice of here is named", "[app][mistake]") {
  const Drawn drawn;
  const std::string run = drawn.at("run"), x = drawn.at("x.npz"), samples = drawn.at("s.npz");
  const auto idle = [](const std::vector<std::string>& command, const std::vector<std::string>& options) {
    const std::string said = fluxsbi::test::run(command).output;
    INFO(said);
    for (const std::string& option : options) CHECK(holds(said, option + " has no effect here"));
    return said;
  };
  const std::vector<std::string> sbc{"diagnose", run,  "sbc", "--pairs",    "20",
                                     "-n",       "20", "-o",  drawn.at("d")};
  const auto with = [](std::vector<std::string> command, const std::vector<std::string>& more) {
    command.insert(command.end(), more.begin(), more.end());
    return command;
  };
  const std::string said =
      idle(with(sbc, {"--likelihood", "two_moons", "--predictive", "5", "--permutations", "5", "--references",
                      "prior", "--density-draws", "5", "--row", "0"}),
           {"--likelihood", "--predictive", "--permutations", "--references", "--density-draws", "--row"});
  CHECK(holds(said, "is for the test likelihood, and asked for is sbc"));
  CHECK_FALSE(holds(said, "--draws has no effect"));
  CHECK_FALSE(
      holds(fluxsbi::test::run(with(sbc, {"tarp", "--references", "prior"})).output, "has no effect"));
  idle({"resume", run, "--restart-rate", "--rank-timeout", "60"}, {"--restart-rate", "--rank-timeout"});
  CHECK_FALSE(holds(fluxsbi::test::run({"resume", run}).output, "has no effect"));
  idle({"log-prob", run, "--theta", x, "--x-key", "x", "--force", "--solver", "euler", "--steps", "2"},
       {"--x-key", "--force"});
  idle(
      {"simulate", "gaussian_linear", "--posterior", x, "-n", "5", "--workers", "1", "-o", drawn.at("p.npz")},
      {"--workers"});
  idle({"benchmark", "--published", "--each"}, {"--each"});
  idle({"benchmark", drawn.at("b"), "--table-only", "--draws", "50", "--jobs", "2"}, {"--draws", "--jobs"});
  idle({"recommend", "--task", "two_moons", "--force"}, {"--force"});
  refuses({"recommend", "--task", "two_moons", "--x-key", "data"}, "--x-key names an array of a file");
}

TEST_CASE("numbers that are none are named with their option", "[app][mistake]") {
  refuses({"sample", "run", "--x", "x.npz", "-n", "1e3", "-o", "a.npz"},
          "--draws: '1e3' is not a whole number");
  refuses({"sample", "run", "--x", "x.npz", "-n", "5", "--memory", "much", "-o", "a.npz"},
          "must be above 0, found 'much'");
  refuses({"sample", "run", "--x", "x.npz", "-n", "5", "--memory", "1e999", "-o", "a.npz"},
          "must be a finite number, found '1e999'");
  // Octal and hexadecimal digits are none, and nothing is cut to the largest number that there is.
  refuses({"sample", "run", "--x", "x.npz", "-n", "0x10", "-o", "a.npz"}, "'0x10' is not a whole number");
  const TemporaryFolder folder;
  succeed({"simulate", "two_moons", "-n", "010", "--seed", "+07", "-o", folder.file("ten.npz")});
  succeed({"simulate", "two_moons", "-n", "10", "--seed", "7", "-o", folder.file("plain.npz")});
  CHECK(io::read_text(folder.file("ten.npz")) == io::read_text(folder.file("plain.npz")));
  for (const char* option : {"-n", "--seed"})
    refuses({"simulate", "two_moons", "-n", "5", option, "99999999999999999999", "-o", "a.npz"}, "too large");
  for (const char* command : {"sample", "log-prob", "diagnose"})
    refuses({command, "run", "--steps", "1000001"}, "must be from 1 to 1000000, found '1000001'");
  for (const char* seed : {"-1", "1e3", "0x10", ""})
    refuses({"sample", "run", "--x", "x.npz", "-n", "5", "--seed", seed, "-o", "a.npz"},
            "must be a whole number from 0 on");
  // No verdict of `diagnose` fails at a level that is no number, and no score is above such a bound.
  for (const char* number : {"nan", "0", "0.6"})
    refuses({"diagnose", "run", "--level", number}, "must be from 1e-06 to 0.5, found");
  refuses({"c2st", "a.npz", "b.npz", "--max", "nan"}, "must be from 0 to 1, found 'nan'");
  refuses({"bench", "--seconds", "nan"}, "must be from 0.1 to 3600, found 'nan'");
  refuses({"plan", "run", "--hours", "nan"}, "must be from 0.001 to 1e+06, found 'nan'");
}

TEST_CASE("what the command reads is not written over, even with --force", "[app][mistake]") {
  const Drawn drawn;
  const std::string x = drawn.at("x.npz"), samples = drawn.at("s.npz"), run = drawn.at("run");
  const auto x_before = bytes_of(x), samples_before = bytes_of(samples);
  refuses(drawn.sample({"-o", x, "--force"}), "would be lost");
  refuses({"log-prob", run, "--theta", samples, "--x", x, "-o", samples, "--force"}, "would be lost");
  refuses({"map", run, "--x", x, "-o", x, "--force"}, "would be lost");
  refuses({"merge", samples, "-o", samples, "--force"}, "would be lost");
  refuses({"export", samples, "--row", "0", "-o", samples, "--force"}, "would be lost");
  refuses({"simulate", "two_moons", "--theta", samples, "-o", samples, "--force"}, "would be lost");
  const std::string config = drawn.at("data.yaml");
  io::write_text(config, "data: {task: two_moons, simulations: 1000}\n");
  refuses({"recommend", config, "-o", config, "--force"}, "would be lost");
  CHECK(io::read_text(config).starts_with("data: "));
  CHECK(bytes_of(x) == x_before);
  CHECK(bytes_of(samples) == samples_before);
  succeed(drawn.sample({"-o", samples, "--force"}));  // an earlier result is what --force is for
}

}  // namespace
}  // namespace fluxsbi::test
