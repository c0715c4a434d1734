// What tests of long sampling and of services share.
#pragma once

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "app/expect.hpp"
#include "app/program.hpp"
#include "app/variables.hpp"
#include "io/atomic_file.hpp"
#include "support/temporary_folder.hpp"

namespace fluxsbi::test {

inline std::string file_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// A tiny model, two observations, and commands whose samples are more than a block.
struct Streamed {
  TemporaryFolder folder;
  Variables keep_at_once{{{"FLUXSBI_KEEP_SECONDS", "0"}}};  // so that a fast machine keeps something, too

  Streamed() {
    io::write_text(at("tiny.yaml"), tiny_config());
    io::write_text(at("x.csv"), "x_0,x_1\n0.1,0.2\n-0.1,0.3\n");
    succeed({"train", at("tiny.yaml"), "-o", at("run"), "-q", "--set", "training.nsteps=40"});
  }
  std::string at(const std::string& name) const { return folder.file(name); }
  std::vector<std::string> sampling(const std::string& out, const std::string& draws = "400000") const {
    return {"sample",   at("run"), "--x",     at("x.csv"), "-n", draws,
            "--solver", "euler",   "--steps", "1",         "-o", at(out)};
  }
};

}  // namespace fluxsbi::test
