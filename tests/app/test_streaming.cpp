// Results that are written while they are drawn: killed, divided and joined.
#include <chrono>
#include <csignal>
#include <filesystem>
#include <string>
#include <thread>

#include <catch2/catch_test_macros.hpp>

#include "app/expect.hpp"
#include "app/program.hpp"
#include "app/streamed.hpp"
#include "app/variables.hpp"

namespace fluxsbi::test {

namespace fs = std::filesystem;

TEST_CASE("a large result that was killed again and again has the bytes of one that was not",
          "[app][durability][stream]") {
  const Streamed streamed;
  for (const std::string extension : {".npz", ".npy", ".h5"}) {
    CAPTURE(extension);
    const std::string whole = streamed.at("whole" + extension), parts = streamed.at("parts" + extension);
    succeed(streamed.sampling("whole" + extension));
    for (int kill = 0; kill < 2; ++kill) {
      Running sampling(streamed.sampling("parts" + extension));
      const auto kept = [&] {
        std::error_code none;
        return fs::last_write_time(parts + ".partial", none);
      };
      const auto before = kept();
      wait_until([&] { return kept() != before || fs::exists(parts); });
      std::this_thread::sleep_for(std::chrono::milliseconds(150));
      sampling.send(SIGKILL);
      sampling.wait();
      if (fs::exists(parts)) break;
    }
    if (!fs::exists(parts)) {
      auto other = streamed.sampling("parts" + extension);
      other.insert(other.end(), {"--seed", "5"});
      if (fs::exists(parts + ".partial")) refuses(other, "seed is 0 there and 5 here");
      succeed(streamed.sampling("parts" + extension));
    }
    CHECK(file_bytes(parts) == file_bytes(whole));
    CHECK_FALSE(fs::exists(parts + ".partial"));
    CHECK_FALSE(fs::exists(parts + ".partial-rows"));
  }
}

TEST_CASE("one output is written by one process", "[app][stream]") {
  const Streamed streamed;
  Running first(streamed.sampling("post.npz", "4000000"));
  REQUIRE(wait_until([&] { return fs::exists(streamed.at("post.npz.partial-rows")); }));
  refuses(streamed.sampling("post.npz", "4000000"), "is being written by another fluxsbi");
  first.send(SIGTERM);
  const int code = first.wait();
  CHECK((code == 75 || code == 128 + SIGTERM));
  CHECK_FALSE(fs::exists(streamed.at("post.npz")));
}

TEST_CASE("shards that a launcher divided merge to the file of one process", "[app][stream][shard]") {
  const Streamed streamed;
  auto command = streamed.sampling("post.npz", "300");
  command.insert(command.end(), {"--shard", "auto"});
  refuses(command, "no launcher started this program");
  for (const std::string rank : {"0", "1"}) {
    const Variables set({{"SLURM_PROCID", rank}, {"SLURM_NTASKS", "2"}});
    CHECK(holds(succeed(command), "part " + rank + " of 2, counted from 0, by srun"));
  }
  {
    const Variables set({{"SLURM_PROCID", "2"}, {"SLURM_NTASKS", "2"}});
    refuses(command, "SLURM_PROCID=2 and SLURM_NTASKS=2 contradict each other");
  }
  succeed(streamed.sampling("whole.npz", "300"));
  succeed({"merge", streamed.at("post.1-of-2.npz"), streamed.at("post.0-of-2.npz"), "-o",
           streamed.at("merged.npz")});
  CHECK(file_bytes(streamed.at("merged.npz")) == file_bytes(streamed.at("whole.npz")));
  auto other = streamed.sampling("other.npz", "300");
  other[9] = "5";
  other.insert(other.end(), {"--shard", "1/2"});
  succeed(other);
  refuses({"merge", streamed.at("post.0-of-2.npz"), streamed.at("other.npz"), "-o", streamed.at("no.npz")},
          "steps is 1 there and 5 here");
}

}  // namespace fluxsbi::test
