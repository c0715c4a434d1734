#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cmath>
#include <filesystem>
#include <optional>
#include <ostream>
#include <utility>

#include <nlohmann/json.hpp>
#include <poll.h>
#include <unistd.h>

#include "core/error.hpp"
#include "core/io_problem.hpp"
#include "core/log.hpp"
#include "core/memory.hpp"
#include "core/stop.hpp"
#include "core/system.hpp"
#include "core/text.hpp"
#include "core/utf8.hpp"
#include "data/files/names.hpp"
#include "data/files/observations.hpp"
#include "experiment/observation_check.hpp"
#include "experiment/observation_line.hpp"
#include "experiment/watch.hpp"
#include "sample/files/sample_file.hpp"
#include "sample/files/sample_head.hpp"
#include "sample/mixture.hpp"
#include "sample/rejection.hpp"

namespace fluxsbi::experiment {

namespace {

using nlohmann::ordered_json;

// Lines of a pipe, terminal or file, of which never more is taken than the line that is asked for.
class Lines {
 public:
  explicit Lines(int descriptor) : descriptor_(descriptor) {}

  /// The next line without its end; nothing at the end of the input, and when a signal asked to stop before
  /// the line was whole.
  std::optional<std::string> next() {
    while (core::stop_requested() == 0) {
      if (!ready()) continue;
      char c = 0;
      const ssize_t count = ::read(descriptor_, &c, 1);
      if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (count < 0) throw core::UserError("the standard input cannot be read: " + core::io_problem(errno));
      if (count == 0) return ended();
      if (c == '\n') return std::exchange(line_, "");
      line_ += c;
    }
    return {};
  }

 private:
  // Waits a little for input, so that a signal is seen.
  bool ready() const {
    constexpr int patience_ms = 200;
    pollfd wanted{descriptor_, POLLIN, 0};
    return poll(&wanted, 1, patience_ms) > 0;
  }
  std::optional<std::string> ended() {
    if (line_.empty()) return {};
    return std::exchange(line_, "");
  }

  int descriptor_;
  std::string line_;
};

// A folder's name need not be UTF-8, but JSON must.
std::string text_of(const ordered_json& reply) {
  return reply.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

class LineService {
 public:
  LineService(sample::Posterior& posterior, const WatchRequest& request,
              const sample::SamplingOptions& options, std::ostream& out)
      : posterior_(posterior), request_(request), options_(options), out_(out) {}

  WatchOutcome run(int input) {
    const sample::OneRejectionReport one_report;
    Lines lines(input);
    while (const auto line = lines.next()) {
      if (core::trimmed(*line).empty() || is_head(*line)) continue;
      answer(*line);
      ++row_;
    }
    if (const int signal = core::stop_requested())
      throw core::Stopped(std::string("stopped by ") + core::signal_name(signal) + " after " +
                          core::count_text(outcome_.answered, "observation") +
                          "; what was not read is still the sender's");
    return outcome_;
  }

 private:
  // A first line of names must be the model's, in its order.
  bool is_head(const std::string& line) {
    if (row_ > 0) return false;
    const auto names = head_of(line);
    if (!names) return false;
    const data::DataShape& shape = posterior_.shape();
    const auto own = data::feature_names(posterior_.x_names(), shape.x_channels);
    if (*names == own) return true;
    if (names->size() != own.size()) return false;  // is answered with what is wrong about it
    throw core::UserError("the first line names " + core::list_first(*names) + ", but the model's x is " +
                          core::list_first(own) + "; send the columns in this order, or no names");
  }

  // Names the reply after the line, also after one that is bad otherwise.
  static ObservationLine parsed(const std::string& text, ordered_json& reply) {
    const auto name_by = [&](const std::string& id) {
      if (!id.empty()) reply["id"] = ordered_json::parse(id);
    };
    try {
      ObservationLine line = parse_observation(text);
      name_by(line.id);
      return line;
    } catch (const core::UserError&) {
      name_by(id_of(text));
      throw;
    }
  }

  void answer(const std::string& text) {
    ordered_json reply{{"id", row_}};
    try {
      if (!core::is_utf8(text)) throw core::UserError("is not UTF-8 text; send JSON or numbers");
      const ObservationLine line = parsed(text, reply);
      if (request_.folder.empty()) {
        to_output(line, reply);
      } else {
        to_folder(line, reply);
      }
      ++outcome_.answered;
    } catch (const core::UserError& problem) {
      const std::string what = problem.what(), who = "observation ";
      reply["error"] = what;
      out_ << text_of(reply) << std::endl;
      core::log::warning(what.starts_with(who) ? what : who + reply["id"].dump() + ": " + what);
      ++outcome_.refused;
    }
  }

  struct Drawn {
    data::Observations observed;
    sample::Samples samples;
  };

  data::Observations observed(const ObservationLine& line, const std::string& name) const {
    data::Observations observed =
        data::observations_of(line.x, name, posterior_.shape(), posterior_.x_names(), posterior_.joint());
    if (observed.rows != 1)
      throw core::UserError(name + " holds " + std::to_string(observed.rows) + " rows; send one a line");
    return observed;
  }

  Drawn draw(const ObservationLine& line, const std::string& name) {
    Drawn drawn;
    drawn.observed = observed(line, name);
    check_observations(posterior_, drawn.observed.x, {0, 1}, name, false);
    const int64_t draws = line.draws.value_or(request_.draws);
    // The draws, and twice their text.
    const double bytes = static_cast<double>(posterior_.shape().theta_size()) * 32;
    core::require_memory(static_cast<double>(draws) * bytes,
                         name + " with " + std::to_string(draws) + " draws",
                         "ask for fewer (\"n\"), or take `fluxsbi sample`, which writes while it draws");
    const sample::Amount amount{1, draws, line.seed.value_or(request_.seed),
                                line.row.value_or(line.seed ? 0 : row_)};
    posterior_.with_drawing(
        sample::Posterior::Asked::x, drawn.observed.x, amount, options_,
        [&](sample::MixtureDrawing& drawing) { drawn.samples = sample::draw_rest(drawing, 1, draws); });
    if (!request_.partial && drawn.samples.unfilled() == draws) refuse_unfilled(name, draws);
    check_agreement(posterior_, drawn.samples, {0, 1}, name);
    return drawn;
  }

  void to_output(const ObservationLine& line, ordered_json& reply) {
    const double begin = core::steady_seconds();
    const std::string name = "observation " + reply["id"].dump();
    const sample::Samples samples = draw(line, name).samples;
    const int64_t size = samples.tokens * samples.channels;
    const auto names = data::feature_names(posterior_.theta_names(), posterior_.shape().theta_channels);
    const bool wide = sample::choose_float64(
        request_.number_type, sample::coarse_column(samples.values, samples.draws, size), names, name);
    reply["draws"] = samples.draws;
    reply["seconds"] = core::steady_seconds() - begin;
    reply["acceptance"] = acceptance_of(samples);
    std::string text = reply.dump();
    text.pop_back();  // the brace, behind which the samples come
    out_ << text << ",\"samples\":" << draws_text(samples.values, samples.filled, wide) << "}" << std::endl;
  }

  // The share of what was computed that lay inside the prior's support.
  static double acceptance_of(const sample::Samples& samples) {
    const auto filled = static_cast<double>(samples.draws - samples.unfilled());
    return std::round(1e4 * filled / static_cast<double>(std::max<int64_t>(samples.drawn, 1))) / 1e4;
  }

  // Into FOLDER/ID.npz, as a file of one observation.
  void to_folder(const ObservationLine& line, ordered_json& reply) {
    const double begin = core::steady_seconds();
    const std::string file = request_.folder + "/" + stem_of(reply["id"]) + request_.extension;
    const std::string name = "observation " + reply["id"].dump();
    std::optional<double> acceptance;
    std::error_code ignored;
    const bool exists = !request_.force && std::filesystem::exists(file, ignored);
    if (exists) {
      refuse_other(line, file, name);
    } else {
      const Drawn drawn = draw(line, name);
      save(line, drawn, file);
      acceptance = acceptance_of(drawn.samples);
    }
    reply["draws"] = line.draws.value_or(request_.draws);
    if (exists) reply["exists"] = true;
    if (acceptance) reply["acceptance"] = *acceptance;
    reply["seconds"] = core::steady_seconds() - begin;
    reply["file"] = file;
    out_ << text_of(reply) << std::endl;
  }

  // A file of that name must hold the samples of this very observation.
  void refuse_other(const ObservationLine& line, const std::string& file, const std::string& name) const {
    const std::vector<double> x = observed(line, name).x;
    const std::string differences =
        sample::differences_of_samples(file, origin_of(line, x), line.draws.value_or(request_.draws), x);
    if (!differences.empty())
      throw core::UserError(file + " is there and holds other samples: " + differences +
                            "; give another id or another folder, or --force to replace it");
  }

  sample::Origin origin_of(const ObservationLine& line, std::span<const double> x) const {
    sample::Origin origin;
    origin.seed = line.seed.value_or(request_.seed);
    origin.model = posterior_.identity();
    origin.total_rows = 1;
    origin.theta_names = posterior_.theta_names();
    origin.x_names = posterior_.x_names();
    origin.members = posterior_.members();
    origin.work = work_of_samples(x, options_);
    return origin;
  }

  void save(const ObservationLine& line, const Drawn& drawn, const std::string& file) const {
    const data::DataShape& shape = posterior_.shape();
    sample::save_samples(file, drawn.samples,
                         {sample::Question::Kind::x, drawn.observed.x, shape.x_dim, shape.x_channels},
                         origin_of(line, drawn.observed.x), request_.number_type);
  }

  static std::string stem_of(const ordered_json& id) {
    if (!id.is_string()) return "observation-" + id.dump();
    const std::string text = id.get<std::string>();
    const bool good = !text.empty() && text.size() <= 200 && text[0] != '.' &&
                      std::all_of(text.begin(), text.end(), [](unsigned char c) {
                        return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.' || c >= 0x80;
                      });
    if (!good)
      throw core::UserError("the id " + core::quoted(text) +
                            " is no name of a file; use letters, digits, '-', '_' and '.'");
    return text;
  }

  sample::Posterior& posterior_;
  const WatchRequest& request_;
  const sample::SamplingOptions& options_;
  std::ostream& out_;
  int64_t row_ = 0;
  WatchOutcome outcome_;
};

}  // namespace

WatchOutcome watch_lines(sample::Posterior& posterior, const WatchRequest& request,
                         const sample::SamplingOptions& options, int input, std::ostream& out) {
  return LineService(posterior, request, options, out).run(input);
}

}  // namespace fluxsbi::experiment
