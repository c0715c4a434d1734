#include "train/reporter.hpp"

#include <cmath>
#include <cstdio>

#include <nlohmann/json.hpp>

#include "core/log.hpp"
#include "core/system.hpp"
#include "core/text.hpp"

namespace fluxsbi::train {

namespace {

// Seconds between plain lines. Where a progress line shows the same, the log needs fewer.
constexpr double line_interval = 10, line_interval_beside_progress = 60, progress_interval = 0.2;

std::string rounded(double value, const char* format = "%.4g") {
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

}  // namespace

Reporter::Reporter(const std::string& run, int64_t nsteps, bool tensorboard, const Start& start)
    : metrics_(run + "/metrics.jsonl", start.metrics_bytes),
      nsteps_(nsteps),
      started_(core::steady_seconds()),
      earlier_seconds_(start.seconds),
      last_step_(start.step),
      last_time_(started_),
      last_line_(started_) {
  if (tensorboard) events_ = std::make_unique<EventFile>(run, start.step);
}

double Reporter::seconds() const {
  return earlier_seconds_ + core::steady_seconds() - started_;
}

void Reporter::report(const Metrics& metrics) {
  const double now = core::steady_seconds();
  rate_ = static_cast<double>(metrics.step - last_step_) / std::max(now - last_time_, 1e-9);
  last_step_ = metrics.step;
  last_time_ = now;
  shown_ = metrics;
  if (metrics.validation_loss) validation_ = metrics.validation_loss;

  nlohmann::ordered_json json{{"step", metrics.step},
                              {"train_loss", metrics.train_loss},
                              {"lr", metrics.learning_rate},
                              {"grad_norm", metrics.gradient_norm}};
  Scalars scalars{{"loss/train", metrics.train_loss},
                  {"learning_rate", metrics.learning_rate},
                  {"gradient_norm", metrics.gradient_norm},
                  {"steps_per_second", rate_}};
  if (metrics.validation_loss) {
    json["val_loss"] = *metrics.validation_loss;
    json["best_val_loss"] = metrics.best_validation_loss;
    scalars.emplace_back("loss/validation", *metrics.validation_loss);
  }
  json["time"] = seconds();
  json["rate"] = rate_;
  metrics_.append(json.dump());
  if (events_) events_->write(metrics.step, scalars);

  const double interval = core::log::shows_progress() ? line_interval_beside_progress : line_interval;
  if (now - last_line_ < interval && metrics.step < nsteps_) return;
  last_line_ = now;
  core::log::info(line(metrics.step));
}

void Reporter::tick(int64_t step) {
  if (!core::log::shows_progress()) return;
  const double now = core::steady_seconds();
  if (now - last_progress_ < progress_interval) return;
  last_progress_ = now;
  core::log::progress(line(step));
}

std::string Reporter::line(int64_t step) const {
  std::string text = "step " + std::to_string(step) + "/" + std::to_string(nsteps_);
  if (shown_) text += "  loss " + rounded(shown_->train_loss);
  if (validation_) {
    text += "  validation " + rounded(*validation_) + " (best " + rounded(shown_->best_validation_loss) + ")";
  }
  double rate = rate_;
  if (!shown_ && step > last_step_) {
    rate = static_cast<double>(step - last_step_) / (core::steady_seconds() - last_time_);
  }
  if (rate <= 0) return text;
  text += "  " + rounded(rate, "%.3g") + " steps/s";
  if (step < nsteps_)
    text += "  " + core::duration_text(static_cast<double>(nsteps_ - step) / rate) + " left";
  return text;
}

}  // namespace fluxsbi::train
