#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lab/evaluate.h"
#include "lab/experiment.h"
#include "lab/play_costs.h"
#include "lab/study.h"
#include "plan/profile.h"

namespace isthmus {

// What a strategy comes to on one link.
struct Contender {
  std::string strategy;
  LoadedPlan plan;
  // The device with the slowdown for this plan's network.
  Cluster cluster;
  // Milliseconds, by the cost model.
  double predicted_ms = 0;
};

// What was measured of all networks of a scenario: the same part on other machines costs the same
// here.
struct LabCosts {
  Profile profile;
  PlayCosts play;
};

// The machines of a scenario with one of each, by the names that plans know; an address is to be
// filled in, and there is no link yet.
Cluster camera_and_server(const Machine& device, const Machine& server);

// One network of a scenario: its candidates, what they cost here, and how accurate they are.
class Trial {
 public:
  // Measures the network, calibrates on training images, measures every candidate that is not in
  // `costs` yet. All references must outlive this.
  Trial(const Scenario& scenario, const ScenarioNetwork& network, const LabOptions& options,
        LabCosts& costs);

  // One for each strategy of the scenario; of the cuts with a codec the one that is predicted to be
  // the fastest on this link.
  std::vector<Contender> contenders(const LinkProfile& link) const;
  // Of a contender's plan, on the test images; measured once for each plan.
  // No images, and no hits, where a strategy's weights are seeded rather than trained.
  const Evaluation& accuracy(const Contender& contender);

  ResultNetwork description() const;
  // Test images in the size that a strategy's network takes.
  ImageSet test_images(const std::string& strategy) const;
  // Measures what virtual time plays. The network's own time, and with it the slowdown of emulated
  // machines, may get better by it: contenders that were asked for before are out of date.
  void measure_for_play(const std::vector<Contender>& contenders);
  std::vector<MeasuredFrame> frames_for_play(const Contender& contender) const;
  bool is_trained(const std::string& strategy) const;
  bool slowdown_is_estimate(const Contender& contender) const;

 private:
  // The small network may want its pictures in another size, so it has images of its own.
  ImageSet calibration_images(const NetworkUnderStudy& network, std::int64_t count) const;
  void add_small();
  void add_splits();
  void add_students();
  void add(LoadedPlan plan, const NetworkUnderStudy& network);
  Cluster cluster_on(const LinkProfile& link, const NetworkUnderStudy& network) const;
  const NetworkUnderStudy& network_of(const std::string& strategy) const;

  const Scenario& scenario_;
  ScenarioNetwork spec_;
  const LabOptions& options_;
  NetworkUnderStudy network_;
  std::optional<NetworkUnderStudy> small_;
  ImageSet test_;
  // Tells test images from those of other networks.
  std::string image_name_;
  std::vector<LoadedPlan> plans_;
  LabCosts& costs_;
  std::map<std::string, Evaluation> accuracies_;
};

}  // namespace isthmus
