// What a report says: filled from a run folder, from a sampler, from tests, each part where it is there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "data/look/column.hpp"
#include "data/look/finding.hpp"
#include "diagnose/finding.hpp"
#include "report/curves.hpp"

namespace fluxsbi::report {

/// A part of a report: what it shows, or why it is not there and how to get it, one or two sentences.
template <class Content>
struct Part {
  std::optional<Content> content;
  std::string absent;
};

/// The posterior at one observation.
struct PosteriorContent {
  std::string observation;           ///< where x_o comes from: a file and its row
  std::vector<std::string> x_names;  ///< [x_dim]; may be empty where x is not known
  std::vector<double> x;             ///< [x_dim], data's units; NaN: not observed
  std::vector<std::string> names;    ///< [d]
  std::vector<double> draws;         ///< [n, d], data's units; NaN: could not be filled
  std::vector<double> prior;         ///< [p, d] draws of the prior; empty: unknown
  std::vector<double> truth;         ///< [d]; empty: unknown
  std::vector<double> mode;          ///< [d], the joint density's mode; empty: unknown
  std::vector<std::string> remarks;  ///< sentences, such as how many draws could not be filled
};

/// What the training data look like.
struct DataContent {
  struct Side {
    std::vector<data::ColumnFacts> columns;
    std::vector<std::string> transforms;  ///< [columns], in words; empty: unknown
  };
  std::string source;  ///< a file or a task
  int64_t rows = 0, looked_at = 0, failed = 0;
  Side theta, x;
  std::vector<data::Finding> findings;
};

struct ReportContent {
  std::string title;                    ///< of the page: the run's name
  std::string made;                     ///< when and by what
  std::string model;                    ///< checkpoint::identity of the weights; "": there are none yet
  std::vector<std::string> parameters;  ///< what the model infers, by name; empty: not known
  std::vector<std::string>
      notices;  ///< what a reader has to know first, such as that the run has not finished
  Part<std::vector<diagnose::Finding>> findings;
  Part<PosteriorContent> posterior;
  Part<TrainingCurves> curves;
  Part<DataContent> data;
  /// Rules of the model card that the model breaks, a sentence each; none: it keeps all of them.
  Part<std::vector<std::string>> card_rules;
  Part<std::string> config;                                   ///< YAML, letter for letter
  std::vector<std::pair<std::string, std::string>> versions;  ///< what, which
  std::vector<std::string> commands;                          ///< lines for a shell
};

}  // namespace fluxsbi::report
