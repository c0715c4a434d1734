#include <limits>

#include "config/support.hpp"

using namespace fluxsbi;
using namespace fluxsbi::config;
using namespace fluxsbi::config::test;

namespace {

std::string written(const All& all) {
  Writer writer;
  writer.add(training_table(), all.training);
  writer.add(data_table(), all.data);
  writer.add(names_table(), all.names);
  return writer.text();
}

void check_reads_back(const All& all) {
  const All back = read_all(written(all));
  INFO(written(all));
  CHECK(back.training == all.training);
  CHECK(back.data == all.data);
  CHECK(back.names == all.names);
}

}  // namespace

TEST_CASE("the written config is plain YAML, nested by section", "[config][writer]") {
  CHECK(written({}) ==
        "training:\n  nsteps: 50000\n  ema_decay: 0.999\n  multistep: false\n  compute: \"auto\"\n  clip: "
        "null\n"
        "  axes: [2, 4]\n  weights: [0.5]\n  note: null\n"
        "data:\n  simulations: 100\n  names:\n    theta: [\"a\", \"b\"]\n");
}

TEST_CASE("the written config reads back to the same values", "[config][writer]") {
  check_reads_back({});
  All all;
  all.training = {std::numeric_limits<int64_t>::max(),
                  1.0 / 3,
                  true,
                  "bfloat16",
                  1e-300,
                  {2, 64},
                  {-0.1, 1e300, 5e-324},
                  "auto"};
  all.names.theta = {"",
                     "null",
                     "true",
                     "12",
                     "a: b",
                     "#",
                     "'",
                     "\"",
                     "\\",
                     "two\nlines",
                     "tab\there",
                     "\r\x01\x7f",
                     " blanks ",
                     "gr\xc3\xb6\xc3\x9f"
                     "e",
                     "- x",
                     "{",
                     "*a",
                     "!t",
                     "~"};
  check_reads_back(all);
}

TEST_CASE("tables of one section have titles of their own in the reference", "[config][reference]") {
  const auto table = Table<Training>("training", "How long to train.").variant("plateau");
  CHECK(reference(table).rfind("## training (plateau)\n\nHow long to train.\n", 0) == 0);
}

TEST_CASE("the reference lists every key with type, default and meaning", "[config][reference]") {
  const std::string text = reference(training_table());
  for (const char* part :
       {"## training", "How long to train.", "| key | type | default | allowed | meaning |",
        "`nsteps` (alias `n_steps`) (alias `optimizer.steps`) | whole number | `50000` | at least 1 | "
        "optimiser steps |",
        "`clip` | number or null | `null` | above 0, or null | clipping norm |",
        "`axes` | list of whole number | `[2, 4]` | a list of at least 2; each entry from 2 to 64 | RoPE "
        "axes |",
        "`experiment_id` | | | | accepted without effect: runs are told apart by their folder |"}) {
    INFO(part);
    CHECK(text.find(part) != std::string::npos);
  }
}
