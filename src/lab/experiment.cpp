#include "lab/experiment.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <thread>

#include "core/file.h"
#include "core/interrupt.h"
#include "core/json.h"
#include "core/text.h"
#include "core/version.h"
#include "lab/machines.h"
#include "lab/summary.h"
#include "lab/trial.h"
#include "lab/virtual_run.h"
#include "lab/winner.h"
#include "plan/profile.h"

namespace isthmus {
namespace {

bool is_local(const std::string& strategy) {
  return strategy == "local" || strategy == "local-small";
}

// A plan's name as a folder's.
std::string file_name(std::string name) {
  std::ranges::replace_if(name, [](char c) { return c == '/' || c == ':' || c == '+'; }, '-');
  return name;
}

class Experiment {
 public:
  Experiment(const Scenario& scenario, const LabOptions& options)
      : scenario_(scenario),
        options_(options),
        machines_(scenario.mode, camera_and_server(scenario.device, scenario.server),
                  options.folder / "traces") {
    results_.title = scenario.name;
    results_.date = utc_date();
    results_.seed = scenario.seed;
    results_.command = options.command;
    results_.device = scenario.device.preset.empty() ? "this machine" : scenario.device.preset;
    results_.server = scenario.server.preset.empty() ? "this machine" : scenario.server.preset;
    results_.machine = result_machine();
    for (const LinkProfile& link : scenario.links)
      results_.links.push_back(
          {.name = link.name,
           .bandwidth = std::isinf(mean_bandwidth(link)) ? 0 : mean_bandwidth(link),
           .latency_ms = 1e3 * link.latency.count(),
           .loss = link.loss,
           .recorded = link.trace != nullptr});
  }

  LabResults run() {
    for (const ScenarioNetwork& network : scenario_.networks) {
      Trial trial(scenario_, network, options_, costs_);
      results_.networks.push_back(trial.description());
      local_traces_.clear();
      if (const auto link = std::ranges::find_if(
              scenario_.links, [&](const LinkProfile& each) { return is_virtual(each); });
          link != scenario_.links.end()) {
        options_.say(network.name + ": measuring frames for virtual time");
        trial.measure_for_play(trial.contenders(*link));
      }
      for (const LinkProfile& link : scenario_.links) play_link(trial, network, link);
    }
    results_.winners = winners_of(results_, "local", kAcceptedLoss);
    write_document(options_.folder / "results.json", to_json(results_));
    return results_;
  }

 private:
  bool is_virtual(const LinkProfile& link) const {
    return mean_bandwidth(link) < scenario_.virtual_below;
  }

  void play_link(Trial& trial, const ScenarioNetwork& network, const LinkProfile& link) {
    if (is_virtual(link)) trial.measure_for_play(trial.contenders(link));
    const std::vector<Contender> contenders = trial.contenders(link);
    options_.say(fmt::format("{} over {}: {} strategies{}", network.name, link.name,
                             contenders.size(), is_virtual(link) ? ", in virtual time" : ""));
    const Progress bar = options_.progress(network.name + " over " + link.name);
    std::int64_t done = 0;
    for (const Contender& contender : contenders) {
      check_interrupt();
      add_row(trial, network, link, contender);
      bar(++done, static_cast<std::int64_t>(contenders.size()));
    }
    if (is_virtual(link)) confirm(network, link, contenders);
  }

  bool is_all_virtual() const {
    return std::ranges::all_of(scenario_.links,
                               [&](const LinkProfile& link) { return is_virtual(link); });
  }

  // A local strategy has no link, so one run serves all of them.
  Trace play(Trial& trial, const ScenarioNetwork& network, const LinkProfile& link,
             const Contender& contender) {
    if (is_local(contender.strategy)) {
      if (const auto found = local_traces_.find(contender.strategy); found != local_traces_.end())
        return found->second;
      return local_traces_[contender.strategy] =
                 is_all_virtual() ? play_virtually(trial, contender)
                                  : play_for_real(network, link, contender, scenario_.frames);
    }
    if (!is_virtual(link)) return play_for_real(network, link, contender, scenario_.frames);
    return virtual_traces_[contender.strategy] = play_virtually(trial, contender);
  }

  Trace play_virtually(const Trial& trial, const Contender& contender) {
    return run_virtually(contender, trial.frames_for_play(contender), costs_.profile,
                         scenario_.frames, scenario_.rate, scenario_.seed);
  }

  Trace play_for_real(const ScenarioNetwork& network, const LinkProfile& link,
                      const Contender& contender, int frames) {
    LabRun run{.plan = contender.plan,
               .cluster = contender.cluster,
               .data = network.data,
               .frames = frames,
               .min_frames = std::min(scenario_.min_frames, frames),
               .cell_time = scenario_.cell_time,
               .rate = scenario_.rate,
               .seed = scenario_.seed};
    const auto trace = options_.folder / trace_file(network.name, link.name, contender.strategy);
    return machines_.run(run, trace.parent_path());
  }

  void add_row(Trial& trial, const ScenarioNetwork& network, const LinkProfile& link,
               const Contender& contender) {
    const Evaluation& accuracy = trial.accuracy(contender);
    const Trace trace = play(trial, network, link, contender);
    const RunSummary summary =
        summarise(trace, contender.cluster.machine(contender.cluster.source));
    ResultRow row;
    row.network = network.name;
    row.link = link.name;
    row.strategy = contender.strategy;
    row.top1 = accuracy.top1();
    row.images = accuracy.images;
    row.interval = accuracy.interval();
    row.bytes_per_frame = summary.bytes_per_frame;
    row.on_air_bytes = summary.on_air_bytes;
    row.answer_bytes = summary.answer_bytes;
    row.p50_ms = summary.p50_ms;
    row.p95_ms = summary.p95_ms;
    row.mean_ms = summary.mean_ms;
    row.mean_interval = summary.mean_interval;
    row.spans = summary.spans;
    row.frames = summary.answered;
    row.predicted_ms = contender.predicted_ms;
    row.energy_mj = summary.energy_mj;
    row.trained = !contender.plan.plan.lossless && trial.is_trained(contender.strategy);
    row.mode = trace.origin == "simulator" ? "virtual" : "real";
    row.estimate = trial.slowdown_is_estimate(contender);
    results_.rows.push_back(std::move(row));
  }

  // A few real frames of the strategy that sends the least over a link that is otherwise played in
  // virtual time.
  void confirm(const ScenarioNetwork& network, const LinkProfile& link,
               const std::vector<Contender>& contenders) {
    const Contender* least = nullptr;
    const ResultRow* row = nullptr;
    for (const Contender& contender : contenders) {
      const ResultRow* candidate = results_.find(network.name, link.name, contender.strategy);
      if (is_local(contender.strategy) || (row && candidate->p50_ms >= row->p50_ms)) continue;
      least = &contender;
      row = candidate;
    }
    if (!least || scenario_.confirm_frames == 0) return;
    const Trace real = play_for_real(network, link, *least, scenario_.confirm_frames);
    // The same images: what a frame takes depends on its content.
    Trace played = virtual_traces_.at(least->strategy);
    played.frames.resize(std::min(played.frames.size(), real.frames.size()));
    const Machine& device = least->cluster.machine(least->cluster.source);
    const double real_ms = summarise(real, device).p50_ms;
    const double virtual_ms = summarise(played, device).p50_ms;
    results_.notes.push_back(fmt::format(
        "{} over {}: played in virtual time; {} real frames of {} took {} (virtual: {}, ratio "
        "{:.2f})",
        network.name, link.name, scenario_.confirm_frames, least->strategy,
        format_seconds(real_ms / 1e3), format_seconds(virtual_ms / 1e3), real_ms / virtual_ms));
  }

  const Scenario& scenario_;
  const LabOptions& options_;
  LabMachines machines_;
  LabResults results_;
  LabCosts costs_;
  // By strategy: of the network at hand, and of the link at hand.
  std::map<std::string, Trace> local_traces_;
  std::map<std::string, Trace> virtual_traces_;
};

}  // namespace

ResultMachine result_machine() {
  ResultMachine machine;
  char host[256] = "";
  gethostname(host, sizeof host - 1);
  machine.name = host;
  machine.cpu = processor_name();
  machine.cores = static_cast<int>(std::thread::hardware_concurrency());
  machine.versions["isthmus"] = std::string(kVersion);
  return machine;
}

std::filesystem::path trace_file(const std::string& network, const std::string& link,
                                 const std::string& strategy) {
  return std::filesystem::path("traces") / file_name(network) / file_name(link) /
         file_name(strategy) / "trace.json";
}

LabResults run_lab(const Scenario& scenario, const LabOptions& options) {
  return Experiment(scenario, options).run();
}

}  // namespace isthmus
