// A training by the recipe whose network takes milliseconds for a step.
#pragma once

#include <string>
#include <vector>

namespace fluxsbi::test {

inline const std::vector<std::string> tiny{"--set",
                                           "model.num_layers=1",
                                           "model.dim_value=6",
                                           "model.dim_id=2",
                                           "model.dim_condition=2",
                                           "model.num_heads=2",
                                           "training.batch_size=8",
                                           "training.validation_evaluations=1",
                                           "strategy.model=simformer"};

inline std::vector<std::string> with(std::vector<std::string> words, const std::vector<std::string>& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

}  // namespace fluxsbi::test
