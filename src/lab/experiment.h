#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "core/progress.h"
#include "core/results.h"
#include "graph/graph.h"
#include "lab/scenario.h"

namespace isthmus {

struct LabOptions {
  // Results, plans and traces go here.
  std::filesystem::path folder;
  // What makes the results again.
  std::string command;
  // MODEL as a scenario names it -> where it is, and the network.
  std::function<std::string(const std::string&)> resolve;
  std::function<Graph(const std::string&)> load;
  // One line about what is being done now, and a progress bar for it.
  std::function<void(const std::string&)> say = [](const std::string&) {};
  std::function<Progress(const std::string&)> progress = [](const std::string&) {
    return Progress();
  };
  // Images at a time, for accuracies.
  int threads = 2;
};

// Plays a scenario: every strategy over every link for every network, on processes of this machine.
// Measures accuracy once per plan, times on every link, says which strategy wins on each link and
// why. Writes results.json into the folder, whole or not at all, and the traces of all runs into
// FOLDER/traces.
//
// The winner on a link: the lowest median time among the strategies that lose at most kAcceptedLoss
// of accuracy against the network itself.
LabResults run_lab(const Scenario& scenario, const LabOptions& options);

// The machine at hand.
ResultMachine result_machine();

inline constexpr double kAcceptedLoss = 0.01;

// Where the trace of a row that was played for real is, below the folder.
std::filesystem::path trace_file(const std::string& network, const std::string& link,
                                 const std::string& strategy);

}  // namespace isthmus
