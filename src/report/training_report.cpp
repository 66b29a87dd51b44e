#include "report/training_report.h"

#include <fmt/format.h>

#include <limits>
#include <optional>
#include <vector>

#include "report/chart.h"
#include "report/html.h"
#include "report/training_table.h"

namespace isthmus {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

// Losses of two stages are not comparable, so each has a chart of its own.
std::vector<Svg> loss_charts(const TrainingResults& run) {
  std::vector<Svg> charts;
  for (const StageResult& stage : run.stages) {
    EpochSeries training{.name = "training", .values = {}};
    EpochSeries validation{.name = "validation", .values = {}};
    for (const EpochResult& epoch : stage.epochs) {
      training.values.push_back(epoch.loss);
      validation.values.push_back(epoch.validation_loss.value_or(kUnknown));
    }
    charts.push_back(
        draw(epoch_chart(stage.name + ": " + stage.loss, "loss", {training, validation})));
  }
  return charts;
}

std::optional<Svg> accuracy_chart(const TrainingResults& run) {
  EpochSeries top1{.name = "validation", .values = {}};
  bool known = false;
  for (const StageResult& stage : run.stages)
    for (const EpochResult& epoch : stage.epochs) {
      top1.values.push_back(epoch.validation_top1.value_or(kUnknown));
      known = known || epoch.validation_top1.has_value();
    }
  if (!known) return std::nullopt;
  LineChart chart = epoch_chart("top-1 over all stages", "top-1", {top1});
  chart.y.format = NumberFormat::kPercent;
  return draw(chart);
}

std::vector<std::string> facts_of(const TrainingResults& run) {
  std::vector<std::string> facts{
      fmt::format("{}: {} training images, {} for validation", run.dataset, run.training_images,
                  run.validation_images),
      fmt::format("{}, {}", run.device, run.precision), fmt::format("seed {}", run.seed)};
  if (run.untrained_top1)
    facts.push_back(fmt::format("untrained {:.1f} %", 100 * *run.untrained_top1));
  if (run.processes > 1) facts.push_back(fmt::format("{} processes", run.processes));
  return facts;
}

}  // namespace

std::string training_report(std::span<const TrainingResults> results) {
  const TrainingResults& first = results.front();
  HtmlPage page("Training", fmt::format("{}, {} cores, Isthmus {}, {}", first.cpu, first.cores,
                                        first.version, first.date));
  page.section("Results");
  page.table(training_table(results));
  page.section("Runs");
  for (const TrainingResults& run : results) {
    page.heading(fmt::format("{}, seed {}", run.name, run.seed));
    if (!run.note.empty()) page.paragraph(run.note);
    page.chips(facts_of(run));
    std::vector<Svg> charts = loss_charts(run);
    if (auto chart = accuracy_chart(run)) charts.push_back(std::move(*chart));
    page.charts(charts);
    page.code(run.command);
  }
  return page.str();
}

}  // namespace isthmus
