#include <cstdlib>
#include <map>
#include <string>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "core/error.hpp"
#include "distributed/store_place.hpp"

using namespace fluxsbi;
using Catch::Matchers::ContainsSubstring;

namespace {

// The place for these variables and no others of torchrun.
distributed::StorePlace place(const std::map<std::string, std::string>& variables) {
  for (const char* name :
       {"MASTER_ADDR", "MASTER_PORT", "TORCHELASTIC_USE_AGENT_STORE", "TORCHELASTIC_RESTART_COUNT"})
    unsetenv(name);
  for (const auto& [name, value] : variables) setenv(name.c_str(), value.c_str(), 1);
  return distributed::store_place({1, 4, 1, "torchrun"});
}

}  // namespace

TEST_CASE("torchrun's variables say where the ranks meet and who hosts the store",
          "[distributed][torchrun]") {
  const auto own = place({{"MASTER_ADDR", "n3"}, {"MASTER_PORT", "29500"}});
  CHECK(own.host == "n3");
  CHECK(own.port == 29500);
  CHECK_FALSE(own.agent_hosts);
  const auto agent = place({{"MASTER_ADDR", "n3"},
                            {"MASTER_PORT", "1"},
                            {"TORCHELASTIC_USE_AGENT_STORE", "True"},
                            {"TORCHELASTIC_RESTART_COUNT", "2"}});
  CHECK(agent.agent_hosts);
  CHECK(agent.prefix != own.prefix);  // ranks of an earlier attempt have left keys
  CHECK_FALSE(place({{"MASTER_ADDR", "n3"}, {"MASTER_PORT", "1"}, {"TORCHELASTIC_USE_AGENT_STORE", "False"}})
                  .agent_hosts);
}

TEST_CASE("what is wrong with torchrun's variables is named with the remedy", "[distributed][torchrun]") {
  CHECK_THROWS_WITH(place({}), ContainsSubstring("process 1 of 4, but MASTER_ADDR") &&
                                   ContainsSubstring("torchrun --no-python") &&
                                   ContainsSubstring("unset RANK"));
  CHECK_THROWS_WITH(place({{"MASTER_ADDR", "n3"}}), ContainsSubstring("MASTER_PORT, which torchrun sets"));
  for (const char* port : {"0", "65536", "-1", "29500x", "1.5"}) {
    CHECK_THROWS_WITH(place({{"MASTER_ADDR", "n3"}, {"MASTER_PORT", port}}),
                      ContainsSubstring(port) && ContainsSubstring("from 1 to 65535"));
  }
}
