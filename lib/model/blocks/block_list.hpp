// Blocks of one type, one after the other.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <torch/nn/module.h>

namespace fluxsbi::model {

/// A torch::nn::ModuleList whose entries keep their type. Blocks are named "0", "1", ...
template <class Block>
class BlockList : public torch::nn::Module {
 public:
  template <class... Arguments>
  BlockList(int64_t count, const Arguments&... arguments) {
    for (int64_t i = 0; i < count; ++i) {
      blocks_.push_back(register_module(std::to_string(i), std::make_shared<Block>(arguments...)));
    }
  }

  auto begin() const { return blocks_.begin(); }
  auto end() const { return blocks_.end(); }

 private:
  std::vector<std::shared_ptr<Block>> blocks_;
};

}  // namespace fluxsbi::model
