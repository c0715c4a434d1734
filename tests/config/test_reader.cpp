#include <catch2/matchers/catch_matchers_string.hpp>

#include "config/support.hpp"

using namespace fluxsbi;
using namespace fluxsbi::config;
using namespace fluxsbi::config::test;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("an empty file keeps all defaults", "[config][reader]") {
  const All all = read_all("");
  CHECK(all.training == Training{});
  CHECK(all.names == Names{});
  CHECK(all.warnings.empty());
  CHECK(read_all("training:\ndata:\n  names:\n").training == Training{});
}

TEST_CASE("every type of option is read", "[config][reader]") {
  const Training t = read_training(
      "  nsteps: 1e3\n  ema_decay: 0.5\n  multistep: yes\n  compute: float32\n  clip: 2\n  axes: [2, 8, 16]\n"
      "  weights: [1, .5]\n  note: none\n");
  CHECK(t.nsteps == 1000);
  CHECK(t.ema_decay == 0.5);
  CHECK(t.multistep);
  CHECK(t.compute == "float32");
  CHECK(t.clip == 2.0);
  CHECK(t.axes == std::vector<int64_t>{2, 8, 16});
  CHECK(t.weights == std::vector<double>{1, 0.5});
  CHECK_FALSE(t.note);
}

TEST_CASE("sections nest by the dots of their name", "[config][reader]") {
  const All all = read_all("data:\n  simulations: 7\n  names:\n    theta: [p, 'q']\n");
  CHECK(all.data.simulations == 7);
  CHECK(all.names.theta == std::vector<std::string>{"p", "q"});
}

TEST_CASE("an alias, in its section or in another, is the same option", "[config][reader]") {
  CHECK(read_training("  n_steps: 5\n").nsteps == 5);
  CHECK(read_all("optimizer: {steps: 6}\n").training.nsteps == 6);
  CHECK(read_all("model: {dtype: bfloat16}\n").training.compute == "bfloat16");
}

TEST_CASE("two names of one option are refused", "[config][reader]") {
  CHECK(error_of_text("training:\n  nsteps: 5\n  n_steps: 5\n") ==
        "a.yaml:3:12: training.n_steps and training.nsteps are two names of one option; keep one of them");
  CHECK_THAT(error_of_text("training: {nsteps: 5}\noptimizer: {steps: 5}\n"),
             ContainsSubstring("optimizer.steps and training.nsteps are two names"));
}

TEST_CASE("an unknown key names its place and the nearest known one", "[config][reader]") {
  CHECK(error_of_text("training:\n  nstep: 5\n") ==
        "a.yaml:2:3: unknown key 'training.nstep' (did you mean 'nsteps'?)");
  CHECK(error_of_text("trainig:\n  nsteps: 5\n") ==
        "a.yaml:1:1: unknown section 'trainig' (did you mean 'training'?)");
  CHECK(error_of_text("data:\n  name: {}\n") ==
        "a.yaml:2:3: unknown key 'data.name' (did you mean 'names'?)");
  CHECK(error_of_text("optimizer: {stps: 5}\n") ==
        "a.yaml:1:1: unknown section 'optimizer'; known: data, training");
  CHECK(error_of_text("optimizer: {steps: 5, step: 5}\n") ==
        "a.yaml:1:23: unknown key 'optimizer.step' (did you mean 'steps'?)");
  CHECK_THAT(error_of_text("data:\n  names:\n    thta: [a]\n"), ContainsSubstring("(did you mean 'theta'?)"));
}

TEST_CASE("a key in the wrong section, or in none, is told its own", "[config][reader]") {
  CHECK(error_of_text("data: {nsteps: 5}\n") ==
        "a.yaml:1:8: unknown key 'data.nsteps' (did you mean 'training.nsteps'?)");
  CHECK(error_of_text("nsteps: 5\n") ==
        "a.yaml:1:1: unknown section 'nsteps' (did you mean 'training.nsteps'?)");
  CHECK_THAT(error_of_text("training:\n  <<: {nsteps: 5}\n"),
             ContainsSubstring("a.yaml:2:3: unknown key 'training.<<'; sections are not merged here"));
}

TEST_CASE("a key with dots is not a path", "[config][reader]") {
  CHECK_THAT(error_of_text("training.nsteps: 5\n"),
             ContainsSubstring(
                 "a.yaml:1:1: unknown section 'training.nsteps'; write sections one inside the other"));
  CHECK_THAT(error_of_text("training: {nsteps: 5}\ntraining.nsteps: 6\n"),
             ContainsSubstring("a.yaml:2:1: unknown"));
}

TEST_CASE("a wrong value says what is allowed and what was found", "[config][reader]") {
  const auto error = [](const std::string& line) {
    return error_of([&] { read_training("  " + line + "\n"); });
  };
  CHECK(error("nsteps: 0") == "a.yaml:2:11: training.nsteps must be at least 1, found '0'");
  CHECK(error("nsteps: many") == "a.yaml:2:11: training.nsteps must be a whole number, found 'many'");
  CHECK(error("nsteps:") == "a.yaml:2:3: training.nsteps must be a whole number, found nothing");
  CHECK(error("n_steps: -1e3") == "a.yaml:2:12: training.n_steps must be at least 1, found '-1e3'");
  CHECK(error("compute: float23") ==
        "a.yaml:2:12: training.compute must be one of auto, float32, bfloat16, found 'float23' (did you mean "
        "'float32'?)");
  CHECK(error("clip: -1") == "a.yaml:2:9: training.clip must be above 0, or null, found '-1'");
  CHECK(error("axes: [2]") ==
        "a.yaml:2:9: training.axes must be a list of at least 2; each entry from 2 to 64, found [2]");
  CHECK(error("axes: [2, x]") == "a.yaml:2:9: training.axes entry 2 must be a whole number, found 'x'");
  CHECK_THAT(error("weights: [.inf]"), ContainsSubstring("each entry finite, found [.inf]"));
}

TEST_CASE("a section that is no section is refused once", "[config][reader]") {
  CHECK(error_of_text("training: 5\n") == "a.yaml:1:11: training must be a section with keys, found '5'");
  CHECK(error_of_text("data: [1]\n") == "a.yaml:1:7: data must be a section with keys, found a list");
  CHECK(error_of_text("data:\n  names: x\n") ==
        "a.yaml:2:10: data.names must be a section with keys, found 'x'");
}

TEST_CASE("all mistakes of a file are told at once, in its order", "[config][reader]") {
  CHECK(error_of_text(
            "data:\n  simulations: none\ntraining:\n  foo: 1\n  nsteps: 0\n  ema_decay: 1\nbar: 2\n") ==
        "a.yaml:2:16: data.simulations must be a whole number, found 'none'\n"
        "a.yaml:4:3: unknown key 'training.foo'; known: axes, clip, compute, ema_decay, experiment_id, "
        "multistep, "
        "n_steps, note, nsteps, weights\n"
        "a.yaml:5:11: training.nsteps must be at least 1, found '0'\n"
        "a.yaml:6:14: training.ema_decay must be at least 0 and below 1, found '1'\n"
        "a.yaml:7:1: unknown section 'bar'; known: data, training");
}

TEST_CASE("a key without effect is a warning with its reason", "[config][reader]") {
  const All all = read_all("training:\n  experiment_id: 3\n  nsteps: 4\n");
  CHECK(all.training.nsteps == 4);
  CHECK(all.warnings ==
        std::vector<std::string>{
            "a.yaml:2:18: training.experiment_id has no effect here: runs are told apart by their folder"});
}

TEST_CASE("the reader knows what was given, by which name, and where", "[config][reader]") {
  const Value document = parse_yaml("training:\n  n_steps: 5\n", "a.yaml");
  Reader reader(document);
  Training training;
  reader.read(training_table(), training);
  CHECK(reader.given("training.nsteps"));
  CHECK(reader.given("training.n_steps"));
  CHECK_FALSE(reader.given("training.clip"));
  CHECK(reader.place("training.nsteps").text() == "a.yaml:2:12");
  CHECK(reader.place("training.clip").text() == "a.yaml");
}

TEST_CASE("checks across keys report like the others", "[config][reader]") {
  const Value document = parse_yaml("training:\n  nsteps: 5\n  axes: [3, x]\n", "a.yaml");
  Reader reader(document);
  Training training;
  reader.read(training_table(), training);
  reader.problem("training.nsteps", "does not suit the rest");
  reader.warning("training.clip", "is unusual");
  CHECK(error_of([&] { reader.finish(); }) ==
        "a.yaml:2:11: training.nsteps does not suit the rest\n"
        "a.yaml:3:9: training.axes entry 2 must be a whole number, found 'x'");
}

TEST_CASE("two ends of a range are put in order at the key that was given", "[config][reader]") {
  const auto read = [](const std::string& text, std::optional<double> low, std::optional<double> high,
                       bool apart) {
    const Value document = parse_yaml(text, "a.yaml");
    Reader reader(document);
    Training training;
    reader.read(training_table(), training);
    reader.in_order("training.nsteps", low, "training.clip", high, apart);
    return reader.finish().size();  // warnings
  };
  const std::string low = "training:\n  nsteps: 5\n", both = low + "  clip: 5\n";
  const auto says = [&](const std::string& text, double least, double most, bool apart) {
    return error_of([&] { read(text, least, most, apart); });
  };
  CHECK(says(low, 5, 4, false) == "a.yaml:2:11: training.nsteps must not be above clip = 4, found 5");
  CHECK(says(low, 5, 5, true) == "a.yaml:2:11: training.nsteps must be below clip = 5, found 5");
  CHECK(says(both, 6, 5, false) == "a.yaml:3:9: training.clip must not be below nsteps = 6, found 5");
  CHECK(says(both, 5, 5, true) == "a.yaml:3:9: training.clip must be above nsteps = 5, found 5");
  CHECK(read(both, 5, 5, false) == 0);
  CHECK(read(low, 5, std::nullopt, true) == 0);
  CHECK(read(low, std::nullopt, 1, true) == 0);
}

TEST_CASE("a part of a file can be read alone", "[config][reader]") {
  const Value document = parse_yaml("training: {nsteps: 5}\nother: {unknown: 1}\n", "a.yaml");
  Reader reader(document);
  Training training;
  reader.read(training_table(), training);
  CHECK(reader.finish_part().empty());
  CHECK(training.nsteps == 5);
}

TEST_CASE("an assignment of --set adds and replaces values", "[config][set]") {
  CHECK(read_all("training: {nsteps: 5}\n", {"training.nsteps=7", "data.names.theta=[x]"}).training.nsteps ==
        7);
  CHECK(read_all("", {"training.axes=[2, 4, 6]"}).training.axes.size() == 3);
  CHECK(read_all("", {"training.note=a=b"}).training.note == "a=b");
  CHECK_FALSE(read_all("training: {clip: 2}\n", {"training.clip=null"}).training.clip);
  CHECK_FALSE(read_all("training: {clip: 2}\n", {"training.clip="}).training.clip);
  CHECK(read_all("training:\n", {"training.nsteps=7"}).training.nsteps == 7);
  CHECK(read_all("", {"data={simulations: 3}"}).data.simulations == 3);
}

TEST_CASE("a mistake in --set names it", "[config][set]") {
  const auto error = [](const std::string& assignment) {
    return error_of([&] { read_all("training: {nsteps: 5}\n", {assignment}); });
  };
  CHECK_THAT(error("training.nsteps"),
             ContainsSubstring("--set training.nsteps: needs the form section.key=value"));
  CHECK_THAT(error("=5"), ContainsSubstring("needs the form"));
  CHECK(error("training.nstep=5") ==
        "--set training.nstep=5: unknown key 'training.nstep' (did you mean 'nsteps'?)");
  CHECK(error("training.nsteps=0") ==
        "--set training.nsteps=0: training.nsteps must be at least 1, found '0'");
  CHECK_THAT(error("training.nsteps.more=1"), ContainsSubstring("the part before 'more' is not a section"));
  CHECK_THAT(error("training..nsteps=1"), ContainsSubstring("an empty name"));
  CHECK_THAT(error("training.=1"), ContainsSubstring("ends with a dot"));
  CHECK_THAT(error("training.nsteps=[1"), ContainsSubstring("--set training.nsteps=[1"));
  CHECK_THAT(error("training.nsteps=1\nother: 2"), ContainsSubstring("one value is needed"));
}
