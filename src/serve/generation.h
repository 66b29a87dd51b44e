#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "isthmus.pb.h"
#include "plan/cluster.h"
#include "plan/plan.h"
#include "plan/policy.h"
#include "serve/deployment.h"
#include "serve/held_parts.h"
#include "serve/part_bundle.h"

namespace isthmus {

struct GenerationSpec {
  std::vector<LoadedPlan> ladder;
  const Cluster& cluster;
  std::uint16_t source = 1;
  std::uint64_t source_instance = 0;
  // Plan i of the ladder gets first_epoch + i, the local answer the one behind.
  std::uint16_t first_epoch = 1;
  std::uint64_t seed = 1;
  bool local_fallback = true;
  bool shape_links = true;
};

// One ladder as the source deploys it: every plan with an epoch of its own, what each machine must
// be told, and the blobs that go with it. Immutable.
struct Generation {
  std::uint16_t first_epoch = 1;
  std::vector<Plan> plans;
  // By plan; of plan/policy.h.
  std::vector<std::vector<std::uint32_t>> admission_edges;
  std::vector<ReplicaGroups> replica_groups;
  // As the source's own machine sees them.
  std::vector<std::shared_ptr<const Deployment>> deployments;
  // Everything at the source; null without one.
  std::shared_ptr<const Deployment> local;
  // By machine other than the source.
  struct ForMachine {
    std::vector<v1::DeployRequest> requests;
    std::map<std::string, Blob> blobs;
  };
  std::map<std::string, ForMachine> machines;
  // The largest message of any plan.
  std::int64_t largest_message = 0;

  bool has_epoch(std::uint16_t epoch) const {
    return epoch >= first_epoch && epoch <= first_epoch + plans.size();
  }
};

// Checks the plans against the cluster, makes bundles, and loads the source's own parts into
// `parts`. Throws what check_plan, make_deployment and make_engine throw, and Error{kUnsupported}
// for a plan whose answers go to another machine than the source.
std::shared_ptr<const Generation> make_generation(const GenerationSpec& spec, HeldParts& parts);

// The route as a frame's header carries it: for each part with several machines, which of them.
// Those of a race have none: 0.
std::vector<std::uint16_t> wire_route(const Plan& plan,
                                      const std::map<std::string, std::string>& machine_of);

}  // namespace isthmus
