#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "boards/confirm.h"
#include "boards/scenario.h"
#include "core/results.h"
#include "lab/experiment.h"

namespace isthmus {

// One way to run a network on so many boards.
struct BoardRow {
  std::string model;
  int boards = 0;
  std::string method;
  std::string codec;
  // Why there is none of the rest; empty if it can be done.
  std::string failure;
  // In virtual time, from measured parts: frames a second when they come as fast as they are taken,
  // and milliseconds of a frame that meets nobody. For random assignments the medians.
  double throughput = 0;
  double latency_ms = 0;
  // Frames a second if all boards shared the work evenly and nothing else took time.
  double ideal = 0;
  // Of the assignments, by throughput; equal to it for all other methods.
  double least_throughput = 0;
  double most_throughput = 0;
  // Messages between machines for one frame, and the largest footprint of a board; like `used`, of
  // the first random assignment.
  double bytes_per_frame = 0;
  double memory = 0;
  // Machines that have work, and how the stages lie.
  int used = 0;
  std::string stages;
  std::string bound;
  // Of the method spread: what forbids more, the layer, the edge or the boundaries
  // (pipeline/explain.h); "" where nothing does.
  std::string not_more;
  // Of frames that come as fast as they are taken, in virtual time; 0 for random assignments.
  double p50_ms = 0;
  double p95_ms = 0;
  // Against the whole, where it was verified.
  std::optional<double> difference;
  // The same of the answers with codecs between the boards that lose something.
  std::optional<double> answer_difference;
  // On processes, and the same frames in virtual time.
  std::optional<BoardConfirmation> confirmed;
  // Why it was not, where it should have been.
  std::string real_failure;
};
// Whether playing the row again would give nothing new.
bool is_settled(const BoardRow& row);

// A unit of a network on one board.
struct BoardLayer {
  std::string model;
  std::string layer;
  double milliseconds = 0;
  // With what swapping adds, where the scenario's boards swap.
  double swapping_ms = 0;
  double memory = 0;
};

struct BoardResults {
  std::string title;
  std::string command;
  std::string date;
  // BoardScenario::digest.
  std::string scenario;
  ResultMachine machine;
  // False while it runs, and where it was stopped.
  bool complete = false;
  std::vector<BoardRow> rows;
  std::vector<BoardLayer> layers;

  // Nothing if there is no such row.
  const BoardRow* find(const std::string& model, int boards, const std::string& method,
                       const std::string& codec) const;
};

// Schema isthmus.board-results/1 (docs/formats/board-results.md).
Json to_json(const BoardResults& results);
// Whether a results.json is of this kind.
bool is_board_results(const Json& document);
BoardResults board_results_from_json(const Json& document, const std::string& where);

// Plays a scenario and writes results.json into the folder, after each row. Rows that are in
// `before`, of the same scenario on this machine, are taken from there, but for those whose real
// frames failed.
BoardResults run_boards(const BoardScenario& scenario, const LabOptions& options,
                        const BoardResults& before = {});

}  // namespace isthmus
