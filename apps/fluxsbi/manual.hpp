// The manual page and the shells' completions, made of the command table and its options: nothing is said
// twice.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace fluxsbi::app {

/// fluxsbi(1) in roff. `program` holds all subcommands, declared.
std::string manual_page(const CLI::App& program);

/// What a shell reads to complete commands and options: bash, zsh or fish. Throws UserError for another
/// shell.
std::string completions(const CLI::App& program, const std::string& shell);

}  // namespace fluxsbi::app
