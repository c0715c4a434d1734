// Where commands that judge a model take pairs of theta and x from.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace fluxsbi::evidence {
struct PairsRequest;
}

namespace fluxsbi::app {

/// --data, --simulations and --pairs.
void add_pairs(CLI::App& app, evidence::PairsRequest& pairs);

/// Where findings and fresh simulations of a run folder or model file go by default: "diagnostics" in its
/// folder.
std::string diagnostics_folder(const std::string& model);

}  // namespace fluxsbi::app
