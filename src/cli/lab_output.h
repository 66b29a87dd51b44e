#pragma once

#include <filesystem>
#include <string>

#include "core/results.h"
#include "lab/experiment.h"

namespace isthmus {

// How the command line plays a scenario: models by name, lines about the progress on stderr.
LabOptions lab_options(const std::filesystem::path& folder, const std::string& command);

// A table for each network, who wins on each link and why, notes.
void print_results(const LabResults& results);

// report.html of a folder that run_lab filled: its results, and a timeline of each link's winner.
// Throws Error{kNotFound} for a folder without results.json.
std::string report_page(const std::filesystem::path& folder);

}  // namespace isthmus
