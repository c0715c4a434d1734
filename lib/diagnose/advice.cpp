#include "diagnose/advice.hpp"

#include "core/text.hpp"

namespace fluxsbi::diagnose {

std::string advice(Fault fault) {
  switch (fault) {
    case Fault::none:
      return "";
    case Fault::too_narrow:
      return "Where the validation loss has never risen, train longer (training.nsteps); where it has, on "
             "more simulations (data.simulations, or data.online: true). Keep sampling.guidance_scale at 1.";
    case Fault::too_wide:
      return "Train longer (training.nsteps) or with a larger network, and try twice the sampling.steps.";
    case Fault::too_low:
    case Fault::too_high:
      return "Make sure that these pairs come from the prior and the simulator of the training data; if so, "
             "train longer (training.nsteps) or on more simulations (data.simulations).";
    case Fault::other:
      return "Train longer (training.nsteps) or on more simulations (data.simulations); parameters that are "
             "skewed or have bounds may want data.transform_theta, and several modes more sampling.steps.";
  }
  return "";
}

std::string percent_text(double share) {
  return core::brief_text(100 * share) + " %";
}

}  // namespace fluxsbi::diagnose
