#include <array>
#include <string>

#include "command.hpp"
#include "core/registry.hpp"

namespace fluxsbi::app {

namespace {

// A command of fluxsbi-network alone.
constexpr Declare network(Declare declare) {
  return with_network ? declare : nullptr;
}

}  // namespace

std::span<const CommandRow> commands() {
  static constexpr std::array rows{
      CommandRow{"simulate",
                 "draw pairs of parameters and simulated data, from a built-in task or your own program",
                 "fluxsbi simulate two_moons -n 1000 -o simulations.npz", declare_simulate},
      CommandRow{"check", "look at simulations before training: every variable, and what is wrong or unusual",
                 "fluxsbi check --data simulations.npz\n\n"
                 "  # as a config would train on them: its prior, its data.nan, memory and time of a step\n"
                 "  fluxsbi check configs/quickstart.yaml --task two_moons --json data.json",
                 network(declare_check)},
      CommandRow{
          "train", "train a posterior estimator and write a run folder",
          "fluxsbi train configs/quickstart.yaml --task two_moons -o runs/moons --set training.nsteps=600\n\n"
          "  # without a config everything is chosen for the data; half a minute is for a first look\n"
          "  fluxsbi train --data simulations.npz --minutes 0.5 -o runs/first",
          network(declare_train)},
      CommandRow{"resume", "continue a run from its last checkpoint", "fluxsbi resume runs/moons",
                 network(declare_resume)},
      CommandRow{"distill",
                 "train a student of a trained model, which draws with a few evaluations of the network",
                 "fluxsbi distill runs/moons --evaluations 4 -o runs/fast\n"
                 "  fluxsbi sample runs/fast --x simulations.npz -n 100 -o fast.npz",
                 network(declare_distill)},
      CommandRow{
          "refine",
          "a posterior for one observation from few simulations, in rounds that leave out what it excludes",
          "fluxsbi simulate two_moons -n 1 --seed 7 -o observed.npz\n"
          "  fluxsbi refine --task two_moons --x observed.npz --rounds 2 --simulations 200 "
          "--set training.nsteps=200 -o runs/refined\n"
          "  fluxsbi sample runs/refined --x observed.npz -n 1000 -o refined.npz",
          network(declare_refine)},
      CommandRow{
          "sample",
          "draw posterior samples for every observation of a file, or any conditional of a joint model",
          "fluxsbi sample runs/moons --x simulations.npz -n 100 -o samples.npz\n\n"
          "  # any conditional of a joint model: blank cells are inferred given the others\n"
          "  fluxsbi train configs/two_moons_flux1joint.yaml -o runs/joint --set training.nsteps=200\n"
          "  printf 'theta_0,x_0,x_1\\n0.5,,0.1\\n,0.2,\\n' > questions.csv\n"
          "  fluxsbi sample runs/joint --given questions.csv -n 100 -o answers.npz\n"
          "  fluxsbi sample runs/joint -n 100 -o joint.npz",
          network(declare_sample)},
      CommandRow{
          "log-prob",
          "compute the log-density of theta given x under a trained model, or that of any columns of a joint "
          "model given others",
          "fluxsbi log-prob runs/moons --theta simulations.npz --x simulations.npz -o log_prob.npz\n\n"
          "  # a joint model: the density of theta_1 and x_1 given theta_0 and x_0\n"
          "  fluxsbi log-prob runs/joint --values simulations.npz --given-names theta_0,x_0",
          network(declare_log_prob)},
      CommandRow{"map",
                 "find the posterior mode for every observation, by gradient ascent from the best samples",
                 "fluxsbi simulate two_moons -n 1 --seed 7 -o observed.npz\n"
                 "  fluxsbi map runs/moons --x observed.npz -o modes.npz",
                 network(declare_map)},
      CommandRow{"merge", "join the sample files of a job array", "fluxsbi merge shard_*.npz -o samples.npz",
                 declare_merge},
      CommandRow{
          "c2st",
          "compare two sample files by the classifier two-sample test: 0.5 means indistinguishable, 1.0 "
          "disjoint",
          "fluxsbi c2st reference.npy samples.npz --row 0", declare_c2st},
      CommandRow{
          "diagnose",
          "say whether the posteriors of a model can be believed: calibration, coverage, solver and more",
          "fluxsbi diagnose runs/moons --pairs 200 -n 99 --density-draws 19\n\n"
          "  # some tests alone, with an observation\n"
          "  fluxsbi diagnose runs/moons inside solver --x simulations.npz --row 0",
          network(declare_diagnose)},
      CommandRow{
          "compare",
          "say which of several models of the same data is best, by the log-density of held-out theta",
          "fluxsbi train configs/quickstart.yaml --task two_moons -o runs/short --set training.nsteps=200\n"
          "  fluxsbi compare runs/moons runs/short --pairs 100 -n 99",
          network(declare_compare)},
      CommandRow{"plot", "draw posterior samples as a corner plot, or the training curves of a run",
                 "fluxsbi plot samples.npz -o posterior.svg", declare_plot},
      CommandRow{"report",
                 "write what a run says, its posterior, tests, training, data and config, as one HTML file",
                 "fluxsbi report runs/moons --samples samples.npz --row 0 -o report.html\n\n"
                 "  # draws the posterior itself\n"
                 "  fluxsbi report runs/moons --x simulations.npz --row 0 -o drawn.html",
                 declare_report, reports_observation},
      CommandRow{"summary", "print mean, standard deviation, quantiles, mode and correlations of samples",
                 "fluxsbi summary samples.npz --row 0", declare_summary},
      CommandRow{"export",
                 "write samples, and what belongs to them, for other programs: ArviZ and xarray (.nc), "
                 "getdist (.txt), tables (.csv), NumPy (.npz)",
                 "fluxsbi export samples.npz --prior runs/moons -o posterior.nc", declare_export},
      CommandRow{"info", "say what a run or file holds, or what this machine and build offer",
                 "fluxsbi info runs/moons", declare_info, asks_about_build},
      CommandRow{"recommend", "say what train chooses for your data and why, as a config to change",
                 "fluxsbi recommend --task two_moons -o recommended.yaml", network(declare_recommend)},
      CommandRow{"import", "make a model file from the weights and the YAML of another program (GenSBI)",
                 "fluxsbi import gensbi tests/data/golden/gensbi_export/flux1_rope1d_ema.safetensors "
                 "--obs-dim 2 --cond-dim 2 -o imported.safetensors",
                 network(declare_import)},
      CommandRow{"bench",
                 "measure the rates of training and sampling, and the error of each fast path, on this "
                 "machine",
                 "fluxsbi bench --seconds 5", network(declare_bench)},
      CommandRow{
          "plan",
          "say what a training and many posteriors will take in time, memory and disk, and how they divide",
          "fluxsbi plan runs/moons --observations 1000000 -n 1000 --nodes 16\n\n"
          "  # before anything is trained\n"
          "  fluxsbi plan --task two_moons --observations 1000 --seconds 1",
          network(declare_plan)},
      CommandRow{"tune",
                 "search for the settings of a config that suit your data best, by successive halving",
                 "printf 'optimizer.max_lr: [1e-3, 3e-4]\\nmodel.depth: [1, 2]\\n' > space.yaml\n"
                 "  fluxsbi tune configs/quickstart.yaml --task two_moons --space space.yaml --trials 4 "
                 "--set training.nsteps=300 --pairs 100 -o runs/tuned",
                 network(declare_tune)},
      CommandRow{
          "benchmark",
          "train and score models on the SBI benchmark's tasks, beside published scores; goes on where it "
          "was stopped",
          "fluxsbi benchmark runs/benchmark --tasks two_moons --budgets 1000 --set training.nsteps=200 "
          "--draws 500 --observations 0 --fresh 2\n\n"
          "  # the table of what is there\n"
          "  fluxsbi benchmark runs/benchmark --table-only --format markdown",
          network(declare_benchmark)},
  };
  return rows;
}

bool needs_network(std::span<char* const> words) {
  if (with_network || words.size() < 2) return false;
  const CommandRow* row = core::find_row(commands(), words[1]);
  if (row == nullptr) return false;
  return row->declare == nullptr || (row->for_network != nullptr && row->for_network(words.subspan(2)));
}

}  // namespace fluxsbi::app
