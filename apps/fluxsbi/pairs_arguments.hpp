// Where commands that judge a model take pairs of theta and x from.
#pragma once

namespace CLI {
class App;
}

namespace fluxsbi::evidence {
struct PairsRequest;
}

namespace fluxsbi::app {

/// --data, --simulations and --pairs.
void add_pairs(CLI::App& app, evidence::PairsRequest& pairs);

}  // namespace fluxsbi::app
