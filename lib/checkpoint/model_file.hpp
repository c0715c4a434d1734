// model.safetensors: everything that sampling needs, in one file. No LibTorch here: weights are plain arrays.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "data/look/reference.hpp"
#include "data/regression.hpp"
#include "data/shape.hpp"
#include "data/standardise.hpp"
#include "io/array.hpp"

namespace fluxsbi::checkpoint {

/// The format's version; an error says so if a file has a later one.
inline constexpr int64_t model_format =
    5;  // of a student; 4 of a regression of theta on x; 3 of ensembles; 2 of features that
        // asinh transforms; else 1

struct ModelFile {
  io::Arrays weights;  ///< float32, by module parameter name (EMA weights)
  std::string config;  ///< resolved configuration, YAML; holds strategy, model, prior, sampling
  data::DataShape shape;
  int64_t most_missing = 0;  ///< values of x that training rows usually lacked at most (shape.missing)
  data::Standardiser theta, x;
  data::Regression regression;  ///< of theta on x, whose residual the weights know; empty: none
  std::vector<std::string> theta_names, x_names;
  data::Reference reference;                   ///< of x, with which observations are compared; may be empty
  int64_t step = 0;                            ///< training step of the weights
  double validation_loss = 0;                  ///< of these weights
  std::string version;                         ///< fluxsbi's version that wrote the file
  std::map<std::string, std::string> remarks;  ///< free, for `info`: task, simulations, seed, commit, device
  /// Of an ensemble: complete models of the same variables, whose equal mixture is the model; `weights` above
  /// is empty then, and the standardisers are the first member's. `reference` stands above alone.
  std::vector<ModelFile> members;
  /// Of a student (method/student.hpp): the complete model that it learned from, which answers for densities;
  /// its `reference` is empty. Null: no student.
  std::shared_ptr<const ModelFile> teacher;
};

/// The ensemble of these models, two or more. step and validation_loss are the members' means. Throws
/// UserError for models of other variables than the first one's.
ModelFile join_members(std::vector<ModelFile> members, const std::string& config);

/// Written atomically with a checksum (io::save_safetensors).
void save_model(const std::string& path, const ModelFile& model);

/// Throws UserError naming the file: not a fluxsbi model, damaged, of a newer version.
ModelFile load_model(const std::string& path);

/// The model that a run folder or file means: RUN/model.safetensors, else the best checkpoint of an
/// unfinished run (`note` then says so), or the file itself. Throws UserError if there is none.
std::string find_model(const std::string& run_or_file, std::string& note);

}  // namespace fluxsbi::checkpoint
