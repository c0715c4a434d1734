#include "report/report.hpp"

#include <array>
#include <string_view>

#include "core/error.hpp"
#include "io/atomic_file.hpp"
#include "report/sections.hpp"

namespace fluxsbi::report {

namespace {

struct Section {
  std::string_view id, title;
  void (*write)(Html& html, const ReportContent& content);
};

using Content = const ReportContent&;
constexpr std::array<Section, 10> sections{{
    {"verdict", "Verdict", [](Html& html, Content c) { write_verdict(html, c.findings); }},
    {"posterior", "Posterior", [](Html& html, Content c) { write_posterior(html, c.posterior); }},
    {"calibration", "Calibration", [](Html& html, Content c) { write_calibration(html, c.findings); }},
    {"predictive", "Predictive check", [](Html& html, Content c) { write_predictive(html, c.findings); }},
    {"training", "Training", [](Html& html, Content c) { write_training(html, c.curves); }},
    {"data", "Data", [](Html& html, Content c) { write_data(html, c.data); }},
    {"card", "Model card", [](Html& html, Content c) { write_card_rules(html, c.card_rules); }},
    {"config", "Configuration", [](Html& html, Content c) { write_config(html, c.config); }},
    {"versions", "Versions", [](Html& html, Content c) { write_versions(html, c); }},
    {"commands", "Commands that repeat it", [](Html& html, Content c) { write_commands(html, c); }},
}};

void check(const PosteriorContent& posterior) {
  const size_t d = posterior.names.size();
  const auto fits = [&](const std::vector<double>& values, const char* what, bool many) {
    if (d > 0 && (values.empty() || (many ? values.size() % d == 0 : values.size() == d))) return;
    throw core::UserError("report: the posterior has " + std::to_string(d) + " parameters, but " +
                          std::to_string(values.size()) + " numbers of " + what);
  };
  fits(posterior.draws, "draws", true);
  fits(posterior.prior, "the prior", true);
  fits(posterior.truth, "true parameters", false);
  fits(posterior.mode, "the mode", false);
}

void write_contents(Html& html) {
  html.open("nav", "aria-label=\"Contents\"");
  html.open("ul");
  for (const Section& section : sections) {
    html.open("li");
    html.element("a", section.title, "href=\"#" + std::string(section.id) + "\"");
    html.close("li");
  }
  html.close("ul");
  html.close("nav");
}

}  // namespace

std::string report_page(const ReportContent& content) {
  if (content.posterior.content) check(*content.posterior.content);
  Html html;
  html.element("a", "Skip to the verdict", "class=\"skip\" href=\"#verdict\"");
  html.open("header");
  html.element("h1", content.title);
  html.paragraph(content.made, "class=\"soft\"");
  html.close("header");
  write_contents(html);
  html.open("main");
  for (const std::string& notice : content.notices) html.paragraph(notice, "class=\"notice\"");
  for (const Section& section : sections) {
    const std::string id(section.id);
    html.open("section", "aria-labelledby=\"" + id + "\"");
    html.element("h2", section.title, "id=\"" + id + "\"");
    section.write(html, content);
    html.close("section");
  }
  html.close("main");
  return html_page(content.title, html);
}

void write_report(const ReportContent& content, const std::string& path) {
  io::write_text(path, report_page(content));
}

}  // namespace fluxsbi::report
