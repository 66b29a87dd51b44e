#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/clock.h"
#include "graph/graph.h"
#include "plan/cluster.h"

namespace isthmus {

// Work of a network by operator kind: multiply-adds of "Conv", "DepthwiseConv" (one input channel
// for each group) and "MatMul" (Gemm too), and the elements that all other operators write
// ("Elements"; views such as Reshape write none).
using GraphWork = std::map<std::string, double>;
// At batch 1. What cannot be known (a shape is missing) counts as nothing.
GraphWork work_of(const Graph& graph);
// The same of each node, by its name; views are left out.
std::map<std::string, GraphWork> node_work(const Graph& graph);

// A device of the papers.
struct DevicePreset {
  std::string name;  // "jetson-nano", "raspberry-pi-4", ...
  std::string description;
  // Of the device; see Machine::cores.
  int cores = 4;
  std::int64_t memory = 0;
  PowerModel power;
  // Published latency of one local inference, by network (paper 1, Figs. 9 and 12; paper 3, Table
  // 6).
  std::map<std::string, Seconds> latency;
  // Work per second by operator kind (the keys of GraphWork), for all other networks: an estimate,
  // fitted to the published latencies of this device or, where there are none, scaled from another.
  std::map<std::string, double> rates;
  // Where latencies and rates come from.
  std::string source;
};

// raspberry-pi-3b+, raspberry-pi-3-400mhz, raspberry-pi-4, jetson-nano, jetson-tx2, up-board,
// odroid-xu4, laptop, thinkpad-p72.
const std::vector<DevicePreset>& device_presets();
// Throws Error{kNotFound} with the nearest name.
const DevicePreset& device_preset(const std::string& name);

// Work of the networks whose latencies are published, in the size in which they were measured.
const std::map<std::string, GraphWork>& published_work();

// Seconds for that much work, by the device's rates. Kinds without a rate cost nothing.
Seconds estimate_time(const DevicePreset& device, const GraphWork& work);

struct Slowdown {
  double factor = 1;
  // True where no published latency of this network was there and a rate per operator kind stands
  // in.
  bool estimate = false;
  // "published 170 ms / measured 5.1 ms here" or what the estimate rests on.
  std::string why;
};

// How many times slower `device` is than this machine for a network. A published latency counts if
// the name fits (capitals, dashes, underscores and a leading "imagenet" or "zoo:" do not matter)
// and the convolutions are those of the published network within a tenth. `measured` is the time of
// one run of the network here on one thread; positive, else Error{kInvalid}.
Slowdown slowdown_for(const DevicePreset& device, const std::string& network, const GraphWork& work,
                      Seconds measured);

// Whether a machine has a preset and no slowdown of its own.
bool needs_slowdowns(const Cluster& cluster);
// Fills the slowdown of each such machine.
void set_slowdowns(Cluster& cluster, const std::string& network, const GraphWork& work,
                   Seconds measured);

}  // namespace isthmus
