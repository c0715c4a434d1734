#include "seed_argument.hpp"

#include <algorithm>
#include <cctype>

#include <CLI/CLI.hpp>

namespace fluxsbi::app {

void add_seed(CLI::App& app, uint64_t& seed, const std::string& help) {
  const CLI::Validator whole(
      [](std::string& text) -> std::string {
        const bool digits = !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
          return std::isdigit(c) != 0;
        });
        return digits ? "" : "must be a whole number from 0 on, found '" + text + "'";
      },
      "from 0 on");
  app.add_option("--seed", seed, help)->check(whole)->capture_default_str();
}

}  // namespace fluxsbi::app
