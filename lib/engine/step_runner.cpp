#include "engine/step_runner.hpp"

namespace fluxsbi::engine {

namespace {

class DirectRunner final : public StepRunner {
 public:
  void run(const std::function<void()>& step) override { step(); }
};

}  // namespace

std::unique_ptr<StepRunner> make_direct_runner() {
  return std::make_unique<DirectRunner>();
}

}  // namespace fluxsbi::engine
