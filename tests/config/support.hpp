// Options of every type, as a room would declare them, and short ways to read them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "config/reader.hpp"
#include "support/user_error.hpp"

namespace fluxsbi::config::test {

struct Training {
  int64_t nsteps = 50000;
  double ema_decay = 0.999;
  bool multistep = false;
  std::string compute = "auto";
  std::optional<double> clip;
  std::vector<int64_t> axes{2, 4};
  std::vector<double> weights{0.5};
  std::optional<std::string> note;
  bool operator==(const Training&) const = default;
};

inline const Table<Training>& training_table() {
  static const auto table =
      Table<Training>("training", "How long to train.")
          .add("nsteps", &Training::nsteps, integer_at_least(1), "optimiser steps")
          .alias("n_steps")
          .alias("optimizer.steps")
          .add("ema_decay", &Training::ema_decay, fraction_below_one(), "decay of the average")
          .add("multistep", &Training::multistep, any<bool>(), "accumulate")
          .add("compute", &Training::compute, one_of({"auto", "float32", "bfloat16"}), "number type")
          .alias("model.dtype")
          .add("clip", &Training::clip, if_given(number_above(0)), "clipping norm")
          .add("axes", &Training::axes, each(integer_between(2, 64), 2), "RoPE axes")
          .add("weights", &Training::weights, each(finite_number()), "loss weights")
          .add("note", &Training::note, any<std::optional<std::string>>(), "free text")
          .unused("experiment_id", "runs are told apart by their folder");
  return table;
}

struct Names {
  std::vector<std::string> theta{"a", "b"};
  bool operator==(const Names&) const = default;
};

inline const Table<Names>& names_table() {
  static const auto table =
      Table<Names>("data.names", "Names of the variables.")
          .add("theta", &Names::theta, each(any<std::string>()), "one name for each parameter");
  return table;
}

struct Data {
  int64_t simulations = 100;
  bool operator==(const Data&) const = default;
};

inline const Table<Data>& data_table() {
  static const auto table =
      Table<Data>("data", "What to train on.")
          .add("simulations", &Data::simulations, integer_at_least(1), "number of pairs");
  return table;
}

struct All {
  Training training;
  Data data;
  Names names;
  std::vector<std::string> warnings;
};

/// Reads a whole file's text, with further --set arguments.
inline All read_all(const std::string& text, const std::vector<std::string>& assignments = {}) {
  Value document = parse_yaml(text, "a.yaml");
  for (const auto& assignment : assignments) set_from_command_line(document, assignment);
  Reader reader(document);
  All all;
  reader.read(training_table(), all.training);
  reader.read(data_table(), all.data);
  reader.read(names_table(), all.names);
  all.warnings = reader.finish();
  return all;
}

inline Training read_training(const std::string& lines) {
  return read_all("training:\n" + lines).training;
}

using fluxsbi::test::error_of;

inline std::string error_of_text(const std::string& text) {
  return error_of([&] { read_all(text); });
}

}  // namespace fluxsbi::config::test
