#include "report/training_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "core/json.h"

namespace isthmus {
namespace {

constexpr const char* kCodecs[] = {"f32", "u8", "u8+rans"};

// Runs of one recipe, in the order of the first.
std::vector<std::vector<const TrainingResults*>> by_recipe(
    std::span<const TrainingResults> results) {
  std::vector<std::vector<const TrainingResults*>> groups;
  for (const TrainingResults& result : results) {
    const auto same = std::ranges::find_if(
        groups, [&](const auto& group) { return group.front()->name == result.name; });
    if (same == groups.end())
      groups.push_back({&result});
    else
      same->push_back(&result);
  }
  return groups;
}

int epochs_of(const TrainingResults& result) {
  int epochs = 0;
  for (const StageResult& stage : result.stages) epochs += static_cast<int>(stage.epochs.size());
  return epochs;
}

struct Accuracy {
  double top1 = 0;
  Interval interval;
  double bytes = 0;
};

// Of all answers of all runs together; nothing where a run lacks it.
std::optional<Accuracy> accuracy_of(const std::vector<const TrainingResults*>& runs,
                                    const std::string& codec) {
  double hits = 0;
  std::int64_t images = 0;
  double bytes = 0;
  for (const TrainingResults* run : runs) {
    const CodecResult* result = run->find(codec);
    if (!result) return std::nullopt;
    hits += result->top1 * static_cast<double>(result->images);
    images += result->images;
    bytes += result->bytes_per_frame;
  }
  if (images == 0) return std::nullopt;
  return Accuracy{.top1 = hits / static_cast<double>(images),
                  .interval = wilson_interval(std::llround(hits), images),
                  .bytes = bytes / static_cast<double>(runs.size())};
}

std::string shape_text(const Json& student) {
  std::string text;
  if (!student.is_object()) return text;
  const Json& shape = student.at("bottleneck").at("shape");
  for (std::size_t i = 1; i < shape.size(); ++i)
    text += (i > 1 ? "x" : "") + std::to_string(shape[i].get<std::int64_t>());
  return text;
}

std::string interval_text(const Interval& interval) {
  return fmt::format("{:.1f}–{:.1f}", 100 * interval.low, 100 * interval.high);
}

// Lowest and highest of the seeds; "" for one.
std::string seeds_text(const std::vector<const TrainingResults*>& runs) {
  if (runs.size() < 2) return "1";
  std::vector<double> values;
  for (const TrainingResults* run : runs)
    if (const CodecResult* result = run->find("f32")) values.push_back(100 * result->top1);
  if (values.empty()) return std::to_string(runs.size());
  const auto [low, high] = std::ranges::minmax(values);
  return fmt::format("{} ({:.2f} to {:.2f})", runs.size(), low, high);
}

std::vector<Cell> accuracy_cells(const std::optional<Accuracy>& accuracy) {
  std::vector<Cell> cells(3);
  if (!accuracy) return cells;
  cells[0] = accuracy->top1;
  cells[1] = interval_text(accuracy->interval);
  if (accuracy->bytes > 0) cells[2] = accuracy->bytes;
  return cells;
}

Row row_of(const std::vector<const TrainingResults*>& runs) {
  const TrainingResults& first = *runs.front();
  Row row;
  row.cells.resize(5);
  row.cells[0] = first.name;
  row.cells[1] = seeds_text(runs);
  row.cells[2] = static_cast<double>(epochs_of(first));
  row.cells[3] = shape_text(first.student);
  if (first.student.is_object())
    row.cells[4] = first.student.at("head").at("reduction").get<double>();
  for (const char* codec : kCodecs)
    for (Cell& cell : accuracy_cells(accuracy_of(runs, codec)))
      row.cells.push_back(std::move(cell));
  return row;
}

}  // namespace

Table training_table(std::span<const TrainingResults> results) {
  Table table;
  table.columns = {
      {.title = "recipe", .key = "recipe"},
      {.title = "seeds (f32)", .key = "seeds"},
      {.title = "epochs", .key = "epochs"},
      {.title = "bottleneck", .key = "bottleneck"},
      {.title = "head MACs saved", .key = "reduction", .format = NumberFormat::kPercent}};
  for (const char* codec : kCodecs) {
    const std::string name = codec;
    table.columns.push_back(
        {.title = name + " top-1", .key = name + "_top1", .format = NumberFormat::kPercent});
    table.columns.push_back({.title = "95 %", .key = name + "_interval"});
    table.columns.push_back(
        {.title = "bytes/frame", .key = name + "_bytes", .format = NumberFormat::kBytes});
  }
  std::map<std::string, std::string> teachers;
  for (const auto& runs : by_recipe(results)) {
    table.rows.push_back(row_of(runs));
    const TrainingResults& first = *runs.front();
    if (const auto teacher = accuracy_of(runs, "teacher"))
      teachers[first.teacher] =
          fmt::format("teacher {}: {:.2f} % ({}) on {}", first.teacher, 100 * teacher->top1,
                      interval_text(teacher->interval), first.test_dataset);
  }
  for (const auto& [name, note] : teachers) table.notes.push_back(note);
  return table;
}

}  // namespace isthmus
