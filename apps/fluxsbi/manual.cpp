#include "manual.hpp"

#include <algorithm>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>

#include "command.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "core/version.hpp"

namespace fluxsbi::app {

namespace {

struct OptionText {
  std::vector<std::string> names;  // "-n", "--count"
  std::string value;               // what follows it, "TEXT"; empty: a flag
  std::string description;
};

// The options that --help shows, and the arguments that need no name.
struct CommandText {
  const CommandRow* row = nullptr;
  std::vector<OptionText> options, arguments;
};

CommandText text_of(const CommandRow& row, const CLI::App& program) {
  CommandText text{&row, {}, {}};
  for (const CLI::Option* option : program.get_subcommand(std::string(row.name))->get_options()) {
    if (option->get_group().empty()) continue;
    OptionText one;
    for (const auto& name : option->get_snames()) one.names.push_back("-" + name);
    for (const auto& name : option->get_lnames()) one.names.push_back("--" + name);
    const std::string type = option->get_type_name();
    if (option->get_items_expected_max() > 0) one.value = type.substr(0, type.find(':'));
    one.description = option->get_description();
    if (option->get_positional()) one.names = {option->get_name(true)};
    (option->get_positional() ? text.arguments : text.options).push_back(std::move(one));
  }
  return text;
}

std::vector<CommandText> texts_of(const CLI::App& program) {
  std::vector<CommandText> texts;
  for (const CommandRow& row : commands()) texts.push_back(text_of(row, program));
  return texts;
}

// `text` with every character of `special` behind `mark`.
std::string escaped(std::string_view text, std::string_view special, const std::string& mark) {
  std::string out;
  for (const char c : text) out += (special.find(c) != std::string_view::npos ? mark : "") + c;
  return out;
}

// In single quotes of a POSIX shell.
std::string in_quotes(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

// A line of roff: no control line by accident, and hyphens that can be copied.
std::string roff(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '\\' ? "\\e" : c == '-' ? "\\-" : std::string(1, c);
  return out.starts_with('.') || out.starts_with('\'') ? "\\&" + out : out;
}

std::string roff_option(const OptionText& option) {
  std::string names;
  for (const auto& name : option.names) names += (names.empty() ? "" : ", ") + ("\\fB" + roff(name) + "\\fR");
  if (!option.value.empty()) names += " \\fI" + roff(option.value) + "\\fR";
  return ".TP\n" + names + "\n" + roff(option.description) + "\n";
}

std::string roff_command(const CommandText& command) {
  std::string text = ".SS " + roff(command.row->name) + "\n" + roff(command.row->summary) + "\n";
  for (const auto& argument : command.arguments) text += roff_option(argument);
  for (const auto& option : command.options) text += roff_option(option);
  text += ".PP\nExample:\n.PP\n.nf\n.RS\n";
  std::string_view example = command.row->example;
  while (!example.empty()) {
    const size_t end = std::min(example.find('\n'), example.size());
    text += roff(example.substr(0, end)) + "\n";
    example.remove_prefix(std::min(end + 1, example.size()));
  }
  return text + ".RE\n.fi\n";
}

std::string joined_names(const std::vector<OptionText>& options) {
  std::vector<std::string> names;
  for (const auto& option : options) names.insert(names.end(), option.names.begin(), option.names.end());
  return core::join(names, " ");
}

std::string bash_completions(const std::vector<CommandText>& texts) {
  std::string names, cases;
  for (const CommandText& text : texts) {
    names += (names.empty() ? "" : " ") + std::string(text.row->name);
    cases +=
        "    " + std::string(text.row->name) + ") words=" + in_quotes(joined_names(text.options)) + " ;;\n";
  }
  return "# Completions of fluxsbi for bash, written by `fluxsbi info --completions bash`.\n"
         "_fluxsbi() {\n"
         "  local word=${COMP_WORDS[COMP_CWORD]} words=\n"
         "  case ${COMP_WORDS[1]} in\n" +
         cases +
         "  esac\n"
         "  if [ \"$COMP_CWORD\" = 1 ]; then\n"
         "    words=" +
         in_quotes(names + " --help --version") +
         "\n"
         "  elif [ \"${word:0:1}\" != - ]; then\n"
         "    words=\n"
         "  fi\n"
         "  COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
         "}\n"
         "complete -o default -F _fluxsbi fluxsbi\n";
}

std::string zsh_completions(const std::vector<CommandText>& texts) {
  std::string names, cases;
  for (const CommandText& text : texts) {
    names +=
        "    " + in_quotes(std::string(text.row->name) + ":" + escaped(text.row->summary, ":", "\\")) + "\n";
    cases += "    " + std::string(text.row->name) + ")\n      _arguments";
    for (const auto& option : text.options) {
      const std::string description = "[" + escaped(option.description, "[]:", "\\") + "]";
      for (const auto& name : option.names) {
        cases +=
            " \\\n        " + in_quotes(name + description + (option.value.empty() ? "" : ":value:_files"));
      }
    }
    cases += " \\\n        '*:file:_files'\n      ;;\n";
  }
  return "#compdef fluxsbi\n"
         "# Completions of fluxsbi for zsh, written by `fluxsbi info --completions zsh`.\n"
         "_fluxsbi() {\n"
         "  local -a names\n"
         "  names=(\n" +
         names +
         "  )\n"
         "  if ((CURRENT == 2)); then\n"
         "    _describe command names\n"
         "    return\n"
         "  fi\n"
         "  local name=$words[2]\n"
         "  shift words\n"
         "  ((CURRENT--))\n"
         "  case $name in\n" +
         cases +
         "  esac\n"
         "}\n"
         "_fluxsbi \"$@\"\n";
}

std::string fish_completions(const std::vector<CommandText>& texts) {
  const auto quoted = [](std::string_view text) { return "'" + escaped(text, "\\'", "\\") + "'"; };
  std::string lines = "# Completions of fluxsbi for fish, written by `fluxsbi info --completions fish`.\n";
  for (const CommandText& text : texts) {
    const std::string name(text.row->name);
    lines += "complete -c fluxsbi -n __fish_use_subcommand -f -a " + name + " -d " +
             quoted(text.row->summary) + "\n";
    for (const auto& option : text.options) {
      lines += "complete -c fluxsbi -n '__fish_seen_subcommand_from " + name + "'";
      for (const auto& form : option.names) {
        lines += form.starts_with("--") ? " -l " + form.substr(2) : " -s " + form.substr(1);
      }
      lines += (option.value.empty() ? "" : " -r") + (" -d " + quoted(option.description)) + "\n";
    }
  }
  return lines;
}

}  // namespace

std::string manual_page(const CLI::App& program) {
  std::string page = ".TH FLUXSBI 1 \"\" \"fluxsbi " + std::string(core::version) +
                     "\" \"User Commands\"\n.SH NAME\nfluxsbi \\- " +
                     roff("posterior samples from simulations, by flow-matching and diffusion transformers") +
                     "\n.SH SYNOPSIS\n";
  const std::vector<CommandText> texts = texts_of(program);
  for (const CommandText& text : texts) {
    page += ".B fluxsbi " + roff(text.row->name) + "\n[\\fIoptions\\fR]";
    for (const auto& argument : text.arguments) page += " \\fI" + roff(argument.names.front()) + "\\fR";
    page += "\n.br\n";
  }
  page += ".SH COMMANDS\n";
  for (const CommandText& text : texts) page += roff_command(text);
  return page +
         ".SH EXIT STATUS\n"
         "0 good, 1 your error, 2 a diagnostic failed, 3 a defect of fluxsbi, 75 stopped by a signal after a "
         "checkpoint.\n"
         ".SH ENVIRONMENT\n"
         ".TP\n\\fBFLUXSBI_ENGINE\\fR\nthe default of \\-\\-engine\n"
         ".TP\n\\fBFLUXSBI_CUDA_PLUGIN\\fR, \\fBFLUXSBI_MPI_PLUGIN\\fR, \\fBFLUXSBI_TORCHRUN_PLUGIN\\fR\n"
         "the plug\\-ins for CUDA, MPI and torchrun, where they do not lie beside the program\n"
         ".TP\n\\fBFLUXSBI_DEVICE_PLUGIN\\fR\nthe plug\\-in of another device, which \\-\\-device cuda then "
         "means\n"
         ".TP\n\\fBFLUXSBI_KEEP_SECONDS\\fR\nhow often sampling, densities and diagnoses keep what they have "
         "(2)\n"
         ".TP\n\\fBOMP_NUM_THREADS\\fR\nthreads to compute with\n";
}

std::string completions(const CLI::App& program, const std::string& shell) {
  const std::vector<CommandText> texts = texts_of(program);
  if (shell == "bash") return bash_completions(texts);
  if (shell == "zsh") return zsh_completions(texts);
  if (shell == "fish") return fish_completions(texts);
  throw core::UserError("--completions " + shell + ": must be bash, zsh or fish");
}

}  // namespace fluxsbi::app
