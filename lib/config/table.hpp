// Option tables. A room declares the options of one section of the configuration once, as rows that name the
// member of its struct; reading, checking, printing and the reference all follow from the rows. Defaults live
// in the struct alone.
//
//   struct TrainingOptions { int64_t nsteps = 50000; ... };
//   const Table<TrainingOptions>& training_table() {
//     static const auto table = Table<TrainingOptions>("training", "How long and on what to train.")
//         .add("nsteps", &TrainingOptions::nsteps, integer_at_least(1), "optimiser steps").alias("n_steps");
//     return table;
//   }
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "config/rules.hpp"

namespace fluxsbi::config {

/// One row of a table, without the type of its struct. The pointers handed to `read` and `emit` are that
/// struct.
struct Row {
  std::string key;
  std::vector<std::string> aliases;  ///< other names; one with a dot is a full path ("model.dtype")
  std::string type;
  std::string allowed;
  std::string help;
  std::string unused_because;  ///< if not empty: why the key, accepted for GenSBI's sake, has no effect
  std::function<Problem(void*, const Value&)> read;
  std::function<std::string(const void*)> emit;
};

/// The rows of one section, without the type of their struct.
struct Section {
  std::string name;     ///< "training", or a path such as "data.names"
  std::string variant;  ///< which one of the tables that share the name, "flow matching"; empty: the only one
  std::string help;
  std::vector<Row> rows;
};

template <class T>
class Table {
 public:
  Table(std::string name, std::string help) : section_{std::move(name), {}, std::move(help), {}} {}

  /// Tells this table from others of the same name in the reference, where its title is "name (variant)".
  Table& variant(std::string text) {
    section_.variant = std::move(text);
    return *this;
  }

  template <class M>
  Table& add(std::string key, M T::*member, Rule<M> rule, std::string help) {
    Row row;
    row.key = std::move(key);
    row.type = type_name(static_cast<const M*>(nullptr));
    row.allowed = rule.allowed;
    row.help = std::move(help);
    row.read = [member, rule](void* target, const Value& value) -> Problem {
      M parsed{};
      if (auto problem = read(value, parsed)) return problem;
      if (!rule.holds(parsed)) {
        const bool scalar = value.kind == Value::Kind::scalar;  // shown as it was written
        return "must be " + rule.allowed + ", found " + (scalar ? value.description() : emit(parsed)) +
               (rule.hint ? rule.hint(parsed) : "");
      }
      static_cast<T*>(target)->*member = std::move(parsed);
      return {};
    };
    row.emit = [member](const void* source) { return emit(static_cast<const T*>(source)->*member); };
    section_.rows.push_back(std::move(row));
    return *this;
  }

  /// Another name of the row that was added last.
  Table& alias(std::string name) {
    section_.rows.back().aliases.push_back(std::move(name));
    return *this;
  }

  /// A key that is accepted and has no effect; `why` completes "has no effect here: ...".
  Table& unused(std::string key, std::string why) {
    Row row;
    row.key = std::move(key);
    row.unused_because = std::move(why);
    section_.rows.push_back(std::move(row));
    return *this;
  }

  const Section& section() const { return section_; }

 private:
  Section section_;
};

}  // namespace fluxsbi::config
