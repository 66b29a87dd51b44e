#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/json_fwd.h"
#include "core/statistics.h"

namespace isthmus {

// How the time between capture and output is told apart, in the order in which it passes. Names of
// `ResultRow::spans`; other names are allowed and come last.
inline constexpr std::array<std::string_view, 7> kSpanNames = {
    "prepare", "head", "encode", "network", "queue", "decode", "tail"};

// The machine that measured.
struct ResultMachine {
  std::string name;
  std::string cpu;
  int cores = 0;
  // Of the operating system, the engine, the program.
  std::map<std::string, std::string> versions;

  friend bool operator==(const ResultMachine&, const ResultMachine&) = default;
};

// One network of a lab run: what was classified by what.
struct ResultNetwork {
  std::string name;
  std::string dataset;
  std::int64_t images = 0;
  std::int64_t classes = 0;
  // The images were drawn by a program, because no real ones were found.
  bool synthetic = false;
  // The weights were trained rather than seeded; false makes top1 meaningless.
  bool trained = true;
  // Parameters and multiply-adds; 0 if unknown.
  std::int64_t params = 0;
  std::int64_t macs = 0;
  // The emulated device and server where they are others than the whole run's.
  std::string device;
  std::string server;
  // Anything a reader must know ("seeded weights: no accuracy").
  std::string note;
};

// One link of a lab run, the same in both directions.
struct ResultLink {
  std::string name;
  // Bits per second, the mean where a recorded trace is played; 0 if unshaped.
  double bandwidth = 0;
  double latency_ms = 0;
  double loss = 0;
  // It follows a recorded trace.
  bool recorded = false;
};

// One strategy on one link.
struct ResultRow {
  // The network that the row belongs to, a ResultNetwork's name.
  std::string network;
  std::string link;
  std::string strategy;

  // Share of right answers among `images`, and its 95 % interval; both in [0, 1]. No images: the
  // accuracy was not measured, because weights are seeded rather than trained.
  double top1 = 0;
  std::int64_t images = 0;
  Interval interval{0, 1};

  // Per frame, from the device to the server: messages with frame headers, as counted where the
  // link is shaped; the same with the link's own headers; and what comes back.
  double bytes_per_frame = 0;
  double on_air_bytes = 0;
  double answer_bytes = 0;

  // Capture to output, milliseconds.
  double p50_ms = 0;
  double p95_ms = 0;
  // Mean and its 90 % interval, milliseconds; nothing in results of older programs.
  std::optional<double> mean_ms;
  Interval mean_interval;
  // Mean milliseconds by name (kSpanNames). They need not add up to p50.
  std::map<std::string, double> spans;
  // Frames that the times were taken from.
  std::int64_t frames = 0;
  // What the planner said beforehand; nothing if it was not asked.
  std::optional<double> predicted_ms;

  // At the device, per frame, by its power model; millijoules.
  double energy_mj = 0;

  // The parts were trained for this strategy (a bottleneck, students) rather than cut from the
  // whole.
  bool trained = false;
  // "real": processes and clocks; "virtual": simulated time.
  std::string mode = "real";
  // The device's slowdown is a guess from operator rates, not a published latency.
  bool estimate = false;
};

struct ResultWinner {
  std::string network;
  std::string link;
  std::string strategy;
  // "latency", "energy", "bytes".
  std::string criterion = "latency";
  // A sentence or two.
  std::string why;
};

// What a lab run found: results.json (docs/formats/results.md).
struct LabResults {
  std::string title;
  ResultMachine machine;
  // ISO 8601.
  std::string date;
  std::uint64_t seed = 0;
  // The command that makes it again.
  std::string command;
  // The emulated device and server, by preset name.
  std::string device;
  std::string server;
  std::vector<ResultNetwork> networks;
  std::vector<ResultLink> links;
  std::vector<ResultRow> rows;
  std::vector<ResultWinner> winners;
  // What holds for the whole ("played in virtual time under 1 Mb/s").
  std::vector<std::string> notes;

  // Distinct names in order of first appearance.
  std::vector<std::string> links_of(std::string_view network) const;
  std::vector<std::string> strategies_of(std::string_view network) const;
  // Nothing if there is no such row.
  const ResultRow* find(std::string_view network, std::string_view link,
                        std::string_view strategy) const;
};

// Schema isthmus.results/1.
Json to_json(const LabResults& results);
// Throws Error{kInvalid} with the field's place for a document that does not fit, or a row whose
// network is not listed.
LabResults results_from_json(const Json& document, const std::string& where);

}  // namespace isthmus
