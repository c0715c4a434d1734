// `fluxsbi diagnose`: whether to believe the posteriors of a trained model.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "diagnose/finding.hpp"
#include "evidence/gather.hpp"
#include "evidence/observed.hpp"

namespace fluxsbi::evidence {

struct DiagnosisRequest {
  PairsRequest pairs;                    ///< pairs.model is the run
  std::vector<std::string> tests;        ///< names of diagnose::tests(); empty: all that can be made
  std::vector<std::string> given_names;  ///< the question; empty: theta given x
  std::string x;                         ///< file of observations; "": none
  int64_t row = -1;                      ///< of that file, from 0; -1: all
  GatherOptions gather;
  ObservedOptions observed;
  diagnose::TestOptions test;
};

struct Diagnosis {
  std::vector<diagnose::Finding> findings;  ///< with verdicts
  std::vector<std::string> left_out;        ///< "ppc needs an observation; name one with --x FILE"
  double seconds = 0;
};

/// Gathers what the tests need, runs them, judges all findings together at the level request.test.level, and
/// writes NAME.json for each test and pit.npz into the folder request.pairs.folder, in which what is finished
/// is kept until then (kept_diagnosis.hpp). A test that cannot use the evidence is left
/// out with a warning, unless it was asked for by name. Throws UserError for unknown tests (with
/// the nearest name), for a test by name whose needs cannot be met, and as load_pairs, make_question and
/// gather do.
Diagnosis diagnose_model(sample::Posterior& posterior, DiagnosisRequest request);

}  // namespace fluxsbi::evidence
