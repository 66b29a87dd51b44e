// Capture-to-output time over every link preset against what it has to take: what the machines
// measured of their own work (head, encode, decode, tail), the bytes on air at the link's rate, and
// the latency there and back.
//
// One agent and one source in this process, one frame at a time. JSON on stdout; wanted: a ratio of
// at most 1.05.
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <vector>

#include "core/json.h"
#include "core/statistics.h"
#include "core/trace.h"
#include "data/signs.h"
#include "lab/study.h"
#include "plan/profile.h"
#include "serve/agent.h"
#include "serve/source.h"
#include "zoo/zoo.h"

namespace isthmus {
namespace {

constexpr int kFrames = 15;
// On links where a frame takes about a second.
constexpr int kFewFrames = 4;

Cluster cluster_over(const LinkProfile& link, const std::string& server) {
  Cluster cluster;
  cluster.source = "device";
  cluster.machines = {{.name = "device"}, {.name = "server", .address = server}};
  cluster.links = {{.a = "device", .b = "server", .up = link, .down = link}};
  return cluster;
}

// The passage of the answer, which no machine's own clock sees.
Seconds answer_passage(const FrameRecord& frame, const LinkProfile& link) {
  double bits = 0;
  for (const EdgeBytes& edge : frame.bytes)
    if (edge_from_name(edge.edge).to_part.empty()) bits += 8.0 * static_cast<double>(edge.on_air);
  return link.latency + Seconds{bits / mean_bandwidth(link)};
}

Seconds necessary_time(const FrameRecord& frame, const LinkProfile& link) {
  Seconds sum = answer_passage(frame, link);
  for (const Span& span : frame.spans)
    if (span.kind != SpanKind::kQueue) sum += span.duration;
  return sum;
}

Json measure(const LoadedPlan& plan, const LinkProfile& link, const std::string& server) {
  const int frames = mean_bandwidth(link) < 1e6 ? kFewFrames : kFrames;
  Source source({plan}, cluster_over(link, server), {.max_in_flight = 1});
  std::vector<double> total;
  std::vector<double> necessary;
  for (int i = 0; i < frames; ++i) {
    const auto answer = source.ask(
        {.input = draw_sign(i % kSignsClasses, static_cast<std::uint64_t>(i)), .captured = {}});
    // The first frame finds cold caches.
    if (i == 0) continue;
    total.push_back(1e3 * answer.record.capture_to_output.count());
    necessary.push_back(1e3 * necessary_time(answer.record, link).count());
  }
  std::vector<double> ratios(total.size());
  std::ranges::transform(total, necessary, ratios.begin(), std::divides{});
  return {{"link", link.name},
          {"strategy", plan.plan.name},
          {"frames", total.size()},
          {"p50_ms", quantile(total, 0.5)},
          {"necessary_ms", quantile(necessary, 0.5)},
          {"ratio", quantile(ratios, 0.5)}};
}

int run() {
  const NetworkUnderStudy network = study_network(load_model("zoo:mobilenetv2,classes=16,size=96"),
                                                  "zoo:mobilenetv2", "mobilenetv2");
  const StrategyOptions options{
      .device = "device", .server = "server", .input = network.input, .labels = {}};
  const ImageSet calibration = open_images("signs", Split::kTrain, network.input, 8);
  Agent agent({});
  Json result = {{"schema", "isthmus.bench_end_to_end/1"},
                 {"machine", machine_fingerprint()},
                 {"rows", Json::array()}};
  double worst = 0;
  for (const std::string& name : link_preset_names()) {
    if (name == "local") continue;
    LinkProfile link;
    try {
      link = link_preset(name);
    } catch (const Error& error) {
      std::cerr << "without " << name << ": " << error.what() << '\n';
      continue;
    }
    for (const LoadedPlan& plan :
         candidate_plans(network, {"jpeg:75", "cut/u8"}, 1, options, calibration)) {
      result["rows"].push_back(measure(plan, link, agent.address()));
      worst = std::max(worst, result["rows"].back()["ratio"].get<double>());
    }
  }
  result["worst_ratio"] = worst;
  std::cout << result.dump(2) << '\n';
  return 0;
}

}  // namespace
}  // namespace isthmus

int main() {
  try {
    return isthmus::run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "end_to_end: %s\n", error.what());
    return 1;
  }
}
