#include "distributed/store_place.hpp"

#include <cstdlib>

#include "core/error.hpp"
#include "core/text.hpp"

namespace fluxsbi::distributed {

namespace {

std::string variable(const char* name) {
  const char* text = std::getenv(name);
  return text == nullptr ? "" : text;
}

}  // namespace

StorePlace store_place(const core::Launch& launch) {
  const std::string host = variable("MASTER_ADDR"), port = variable("MASTER_PORT");
  if (host.empty() || port.empty()) {
    throw core::UserError(
        "the environment variables RANK and WORLD_SIZE say process " + std::to_string(launch.rank) + " of " +
        std::to_string(launch.size) + ", but " + (host.empty() ? "MASTER_ADDR" : "MASTER_PORT") +
        ", which torchrun sets with them, is not set. Start the ranks with torchrun --no-python (or by "
        "mpirun -n " +
        std::to_string(launch.size) +
        "), or remove the variables if they are left over from elsewhere (unset "
        "RANK WORLD_SIZE LOCAL_RANK)");
  }
  constexpr int64_t most = 65535;
  const auto number = core::parse_whole_number(port);
  if (!number || *number < 1 || *number > most) {
    throw core::UserError("the environment variable MASTER_PORT is " + core::quoted(port) +
                          ", not a port from 1 to 65535; torchrun sets it (--master-port)");
  }
  const std::string agent = variable("TORCHELASTIC_USE_AGENT_STORE");
  const std::string attempt = variable("TORCHELASTIC_RESTART_COUNT");
  return {host, static_cast<uint16_t>(*number), agent == "True" || agent == "true" || agent == "1",
          "fluxsbi/attempt_" + (attempt.empty() ? "0" : attempt)};
}

}  // namespace fluxsbi::distributed
