// Services that answer observations one by one: lines of the standard input, and files of a folder.
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <nlohmann/json.hpp>
#include <sys/wait.h>

#include "app/expect.hpp"
#include "app/program.hpp"
#include "app/streamed.hpp"

namespace fluxsbi::test {
namespace {

namespace fs = std::filesystem;

// What a shell command prints, and its exit code.
Outcome shell(const std::string& command) {
  FILE* pipe = popen(command.c_str(), "r");
  REQUIRE(pipe);
  Outcome outcome;
  for (int c = 0; (c = fgetc(pipe)) != EOF;) outcome.output += static_cast<char>(c);
  outcome.code = WEXITSTATUS(pclose(pipe));
  return outcome;
}

}  // namespace

TEST_CASE("lines of observations are answered one by one with the draws of the command",
          "[app][stream][watch]") {
  const Streamed streamed;
  const std::string watch = std::string(FLUXSBI_PROGRAM) + " sample " + streamed.at("run") +
                            " -n 50 --solver euler --steps 1 --watch - 2>/dev/null";
  const auto answered = shell(
      "printf 'x_0,x_1\\n0.1,0.2\\n{\"id\": \"b\", \"x\": [-0.1, 0.3], \"n\": 50}\\n"
      "[1, 2, 3]\\n{\"x\": [0.1, 0.2], \"seed\": 0}\\n\\377\\376\\n0.1 0.2\\r\\n' | " +
      watch);
  CHECK(answered.code == 0);
  std::vector<nlohmann::json> lines;
  for (size_t begin = 0; begin < answered.output.size();) {
    const size_t end = answered.output.find('\n', begin);
    lines.push_back(nlohmann::json::parse(answered.output.substr(begin, end - begin)));
    begin = end + 1;
  }
  REQUIRE(lines.size() == 6);
  succeed(streamed.sampling("whole.npz", "50"));
  const auto whole = samples_in(streamed.at("whole.npz"));
  for (size_t row = 0; row < 2; ++row) {
    std::vector<float> draws;
    for (const auto& draw : lines[row].at("samples"))
      for (const auto& value : draw) draws.push_back(value.get<float>());
    CHECK(draws == std::vector<float>(whole.begin() + static_cast<std::ptrdiff_t>(row * 100),
                                      whole.begin() + static_cast<std::ptrdiff_t>(row * 100 + 100)));
  }
  CHECK(lines[0].at("id") == 0);
  CHECK(lines[1].at("id") == "b");
  CHECK(holds(lines[2].at("error").get<std::string>(), "[3]"));
  CHECK(lines[3].at("samples") == lines[0].at("samples"));
  CHECK(holds(lines[4].at("error").get<std::string>(), "not UTF-8"));
  CHECK(lines[5].at("samples").size() == 50);
}

TEST_CASE("files that appear in a folder are answered as by the command, and bad ones are named",
          "[app][stream][watch]") {
  const Streamed streamed;
  fs::create_directory(streamed.at("in"));
  fs::create_directory(streamed.at("out"));
  const std::vector<std::string> watch{"sample", streamed.at("run"), "--watch", streamed.at("in"), "-n",
                                       "50",     "--solver",         "euler",   "--steps",         "1",
                                       "-o",     streamed.at("out")};
  const auto drop = [&](const std::string& name, const std::string& text) {
    io::write_text(streamed.at(name), text);
    fs::rename(streamed.at(name), streamed.at("in/" + name));
  };
  Running service(watch);
  drop("a.csv", "x_0,x_1\n0.1,0.2\n-0.1,0.3\n");
  CHECK(wait_until([&] { return fs::exists(streamed.at("out/a.npz")); }));
  drop("bad.csv", "x_0,x_1\n0.1,high\n");
  drop("b.json", "{\"x\": [0.1, 0.2]}");
  CHECK(wait_until([&] { return fs::exists(streamed.at("out/b.npz")); }));
  CHECK(wait_until([&] { return fs::exists(streamed.at("out/bad.error")); }));
  CHECK(holds(file_bytes(streamed.at("out/bad.error")), "bad.csv"));
  refuses(watch, "is being written by another fluxsbi command");
  service.send(SIGTERM);
  CHECK(service.wait() == 75);
  succeed(streamed.sampling("whole.npz", "50"));
  CHECK(file_bytes(streamed.at("out/a.npz")) == file_bytes(streamed.at("whole.npz")));

  const auto answered = fs::last_write_time(streamed.at("out/a.npz"));
  drop("bad.csv", "x_0,x_1\n0.1,0.5\n");
  Running again(watch);
  CHECK(wait_until([&] { return fs::exists(streamed.at("out/bad.npz")); }));
  again.send(SIGTERM);
  CHECK(again.wait() == 75);
  CHECK_FALSE(fs::exists(streamed.at("out/bad.error")));
  CHECK(fs::last_write_time(streamed.at("out/a.npz")) == answered);
}

TEST_CASE("a result of other work is not taken for an answer", "[app][stream][watch]") {
  const Streamed streamed;
  for (const char* folder : {"in", "out", "ids"}) fs::create_directory(streamed.at(folder));
  const auto put = [&](const std::string& name, const std::string& text) {
    io::write_text(streamed.at(name), text);
    fs::rename(streamed.at(name), streamed.at("in/" + name));
  };
  const auto service = [&](const std::string& seed) {
    return std::vector<std::string>{
        "sample", streamed.at("run"), "--watch", streamed.at("in"), "-n", "50", "--solver",
        "euler",  "--steps",          "1",       "--seed",          seed, "-o", streamed.at("out")};
  };
  const std::string result = streamed.at("out/a.npz"), problem = streamed.at("out/a.error");
  const auto stop = [](Running& running) {
    running.send(SIGTERM);
    CHECK(running.wait() == 75);
  };

  put("a.csv", "x_0,x_1\n0.1,0.2\n");
  io::write_text(streamed.at("late.csv"), "x_0,x_1\n0.3,0.3\n");  // older than the result, when it comes
  {
    Running first(service("0"));
    REQUIRE(wait_until([&] { return fs::exists(result); }));
    const std::string before = file_bytes(result);
    fs::rename(streamed.at("late.csv"), streamed.at("in/a.csv"));
    REQUIRE(wait_until([&] { return fs::exists(problem); }));
    CHECK(holds(file_bytes(problem), "the observations are others"));
    CHECK(file_bytes(result) == before);
    fs::remove(result);
    REQUIRE(wait_until([&] { return fs::exists(result) && !fs::exists(problem); }));
    CHECK(file_bytes(result) != before);
    stop(first);
  }
  {
    Running other(service("4"));
    REQUIRE(wait_until([&] { return fs::exists(problem); }));
    CHECK(holds(file_bytes(problem), "seed is 0 there and 4 here"));
    stop(other);
  }
  {
    Running same(service("0"));
    CHECK(wait_until([&] { return !fs::exists(problem); }));
    stop(same);
  }

  const auto lines = shell(
      "printf '{\"id\": \"a\", \"x\": [0.1, 0.2]}\\n{\"id\": \"a\", \"x\": [0.3, 0.2]}\\n"
      "{\"id\": \"a\", \"x\": [0.1, 0.2]}\\n' | " +
      std::string(FLUXSBI_PROGRAM) + " sample " + streamed.at("run") +
      " -n 50 --solver euler --steps 1 --watch - -o " + streamed.at("ids") + " 2>/dev/null");
  CHECK(lines.code == 0);
  CHECK(holds(lines.output, "a.npz is there and holds other samples: the observations are others"));
  CHECK(holds(lines.output, "\"exists\":true"));
}

TEST_CASE("no line ends a service of lines, and its answer has its id", "[app][stream][watch]") {
  const Streamed streamed;
  const auto answered = shell(
      "printf '0.1,high\\n{\"id\": 7, \"x\": [\"high\"]}\\n"
      "{\"id\": \"b\", \"x\": [0.1, 0.2], \"n\": 100000000000000}\\n0.1,0.2\\n' | " +
      std::string(FLUXSBI_PROGRAM) + " sample " + streamed.at("run") +
      " -n 5 --solver euler --steps 1 --watch - 2>/dev/null");
  CHECK(answered.code == 0);
  CHECK(holds(answered.output, R"({"id":0,"error":"'high' is not a number)"));
  CHECK(holds(answered.output, R"({"id":7,"error":)"));
  CHECK(holds(answered.output, R"({"id":"b","error":"observation \"b\" with 100000000000000 draws needs )"));
  CHECK(holds(answered.output, R"({"id":3,"draws":5)"));
}

TEST_CASE("a disk that takes no results ends the service of a folder, and no file is given up",
          "[app][stream][watch]") {
  const Streamed streamed;
  fs::create_directory(streamed.at("in"));
  fs::create_directory(streamed.at("out"));
  io::write_text(streamed.at("in/a.csv"), "x_0,x_1\n0.1,0.2\n");
  const std::string service = " " + std::string(FLUXSBI_PROGRAM) + " sample " + streamed.at("run") +
                              " -n 500 --solver euler --steps 1 --watch " + streamed.at("in") + " -o " +
                              streamed.at("out") + " 2>&1";
  const auto ended = shell("ulimit -f 1; timeout 60" + service);
  CHECK(ended.code == 1);
  CHECK(holds(ended.output, "cannot be written"));
  CHECK_FALSE(fs::exists(streamed.at("out/a.error")));
}

// How often a text stands in another.
static int64_t times_in(const std::string& text, const std::string& part) {
  int64_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST_CASE("a service of lines that was killed goes on with what it had not answered",
          "[app][stream][watch]") {
  const Streamed streamed;
  std::string lines;
  for (int i = 0; i < 40; ++i) lines += "[0.1, " + std::to_string(0.01 * i) + "]\n";
  io::write_text(streamed.at("lines"), lines);
  for (const char* folder : {"whole", "killed"}) fs::create_directory(streamed.at(folder));
  const auto watch = [&](const std::string& folder) {
    return std::string(FLUXSBI_PROGRAM) + " sample " + streamed.at("run") +
           " -n 30000 --solver euler --steps 1 --watch - -o " + streamed.at(folder) + " < " +
           streamed.at("lines") + " 2>&1";
  };
  const Outcome whole = shell(watch("whole"));
  CHECK(whole.code == 0);
  CHECK(times_in(whole.output, "\"acceptance\":") == 40);
  shell("sh -c 'exec " + watch("killed") + " >/dev/null' & pid=$!; until [ -e " +
        streamed.at("killed/observation-3.npz") + " ]; do sleep 0.01; done; kill -9 $pid; wait");
  REQUIRE_FALSE(fs::exists(streamed.at("killed/observation-39.npz")));
  const Outcome again = shell(watch("killed"));
  CHECK(again.code == 0);
  CHECK(times_in(again.output, "\"exists\":true") >= 4);
  for (int i = 0; i < 40; ++i) {
    const std::string name = "/observation-" + std::to_string(i) + ".npz";
    INFO(name);
    CHECK(file_bytes(streamed.at("killed") + name) == file_bytes(streamed.at("whole") + name));
  }
  int64_t files = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator(streamed.at("killed")))
    files += entry.path().filename().string().find(".tmp-") == std::string::npos;
  CHECK(files == 40);
  // sent again by its number, a line has the draws that it had
  const Outcome row = shell("echo '{\"x\": [0.1, 0.39], \"row\": 39, \"id\": \"late\"}' | " +
                            watch("killed").substr(0, watch("killed").find(" < ")) + " 2>&1");
  CHECK(row.code == 0);
  CHECK(samples_in(streamed.at("killed/late.npz")) == samples_in(streamed.at("whole/observation-39.npz")));
}

TEST_CASE("a service says once that draws are drawn again, and in each answer how many were kept",
          "[app][stream][watch]") {
  const Streamed streamed;
  succeed({"train", streamed.at("tiny.yaml"), "-o", streamed.at("bad"), "-q", "--set", "training.nsteps=1"});
  succeed(
      {"train", streamed.at("tiny.yaml"), "-o", streamed.at("far"), "-q", "--set", "training.nsteps=100"});
  const Outcome answered = shell(
      "for i in 1 2 3; do echo 3,3; done | " + std::string(FLUXSBI_PROGRAM) + " sample " +
      streamed.at("far") + " -n 1000 --solver euler --steps 4 --watch - 2>&1 >" + streamed.at("answers"));
  INFO(answered.output);
  CHECK(times_in(answered.output, "of the draws are kept") == 1);
  const std::string answers = file_bytes(streamed.at("answers"));
  CHECK(times_in(answers, "\"acceptance\":0.") == 3);
}

TEST_CASE("a service of a folder that was killed answers the file it was at, once and with the same bytes",
          "[app][stream][watch]") {
  const std::string extension = GENERATE(".npz", ".npy", ".h5");
  const Streamed streamed;
  fs::create_directory(streamed.at("in"));
  fs::create_directory(streamed.at("out"));
  const std::vector<std::string> watch{"sample", streamed.at("run"), "--watch",     streamed.at("in"), "-n",
                                       "150000", "--solver",         "euler",       "--steps",         "1",
                                       "-o",     streamed.at("out"), "--extension", extension};
  fs::copy_file(streamed.at("x.csv"), streamed.at("in/a.csv"));
  const std::string result = "out/a" + extension;
  Running first(watch);
  CHECK(wait_until([&] { return fs::exists(streamed.at(result + ".partial")); }));
  first.send(SIGKILL);
  first.wait();
  CHECK_FALSE(fs::exists(streamed.at(result)));
  Running again(watch);
  for (int turn = 0; turn < 4 && !fs::exists(streamed.at(result)); ++turn)
    wait_until([&] { return fs::exists(streamed.at(result)); });
  again.send(SIGTERM);
  CHECK(again.wait() == 75);
  succeed(streamed.sampling("whole" + extension, "150000"));
  CHECK(file_bytes(streamed.at(result)) == file_bytes(streamed.at("whole" + extension)));
  CHECK(std::distance(fs::directory_iterator(streamed.at("out")), fs::directory_iterator()) == 1);
}

TEST_CASE("where the system does not tell of new files, a service looks for them and says so",
          "[app][stream][watch]") {
  const std::string without_inotify =
      "unshare -Ur sh -c 'echo 0 > /proc/sys/user/max_inotify_instances && exec \"$@\"' - ";
  if (shell(without_inotify + "true 2>&1").code != 0) SKIP("no namespace without inotify can be made here");
  const Streamed streamed;
  fs::create_directory(streamed.at("in"));
  fs::create_directory(streamed.at("out"));
  const Outcome served =
      shell(without_inotify + "sh -c '" + FLUXSBI_PROGRAM + " sample " + streamed.at("run") + " --watch " +
            streamed.at("in") + " -n 50 --solver euler --steps 4 -o " + streamed.at("out") + " 2>" +
            streamed.at("log") + " & pid=$!; sleep 1; cp " + streamed.at("x.csv") + " " +
            streamed.at("in/late.csv") + "; for i in $(seq 300); do [ -e " + streamed.at("out/late.npz") +
            " ] && break; sleep 0.1; done; kill $pid; wait $pid'");
  INFO(file_bytes(streamed.at("log")));
  CHECK(served.code == 75);
  CHECK(fs::exists(streamed.at("out/late.npz")));
  CHECK(times_in(file_bytes(streamed.at("log")), "it is looked at twice a second") == 1);
}

TEST_CASE("sample --watch says what it needs", "[app][stream][watch]") {
  const Streamed streamed;
  refuses({"sample", streamed.at("run"), "--watch", streamed.at("in"), "-n", "5"}, "-o FOLDER");
  refuses({"sample", streamed.at("run"), "--watch", "-", "-n", "5", "-o", streamed.at("nowhere")},
          "which must exist");
  refuses({"sample", streamed.at("run"), "--watch", "-", "-n", "5", "--x", "x.csv"}, "leave --x out");
  refuses({"sample", streamed.at("run"), "--x", streamed.at("x.csv"), "-n", "5"}, "-o is missing");
  refuses({"sample", streamed.at("run"), "--x", streamed.at("x.csv"), "-n", "5", "--extension", ".h5", "-o",
           streamed.at("a.npz")},
          "results of --watch");
}

}  // namespace fluxsbi::test
