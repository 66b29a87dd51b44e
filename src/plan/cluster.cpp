#include "plan/cluster.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <set>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "core/error.h"
#include "core/json.h"
#include "core/text.h"
#include "plan/devices.h"

namespace isthmus {
namespace {

constexpr int kMaxCores = 4096;

std::vector<std::string> machine_names(const Cluster& cluster) {
  std::vector<std::string> names;
  for (const Machine& machine : cluster.machines) names.push_back(machine.name);
  return names;
}

PowerModel power_from_json(Fields fields, PowerModel power) {
  power.idle = fields.number("idle", power.idle);
  power.compute = fields.number("compute", power.compute);
  power.transmit = fields.number("transmit", power.transmit);
  power.source = fields.string("source", "given");
  fields.finish();
  return power;
}

Machine machine_from_json(Fields fields) {
  Machine machine;
  machine.name = fields.string("name");
  machine.address = fields.string("address", "");
  machine.preset = fields.string("preset", "");
  if (!machine.preset.empty()) {
    const DevicePreset& preset = device_preset(machine.preset);
    machine.memory = preset.memory;
    machine.power = preset.power;
  }
  machine.slowdown_given = fields.has("slowdown");
  machine.slowdown = fields.number("slowdown", machine.slowdown);
  machine.slowdown_is_estimate = fields.boolean("slowdown_is_estimate", false);
  machine.weights_from_memory = fields.boolean("weights_from_memory", false);
  const std::int64_t cores = fields.integer("cores", 1);
  if (cores < 1 || cores > kMaxCores) fields.fail("cores", "must be 1 to 4096");
  machine.cores = static_cast<int>(cores);
  machine.memory = fields.integer("memory", machine.memory);
  machine.swap_bandwidth = fields.number("swap_bandwidth", 0);
  if (fields.has("power")) machine.power = power_from_json(fields.object("power"), machine.power);
  fields.finish();
  return machine;
}

// Both directions alike unless there is `up`.
ClusterLink link_of_cluster_from_json(Fields fields, const std::filesystem::path& folder) {
  ClusterLink link{.a = fields.string("a"), .b = fields.string("b"), .up = {}, .down = {}};
  if (fields.has("up")) {
    const auto direction = [&](const std::string& key) {
      return link_from_json(fields.at(key), fields.where() + '.' + key, folder);
    };
    link.up = direction("up");
    link.down = fields.has("down") ? direction("down") : link.up;
    fields.finish();
  } else {
    Json both = fields.json();
    both.erase("a");
    both.erase("b");
    link.up = link.down = link_from_json(both, fields.where(), folder);
  }
  return link;
}

ClusterNetwork network_from_json(Fields fields, const std::filesystem::path& folder) {
  ClusterNetwork network;
  network.name = fields.string("name");
  if (fields.has("machines")) {
    network.machines = fields.strings("machines");
    if (network.machines.empty()) fields.fail("machines", "must name at least one");
  }
  network.link = link_from_json(fields.at("link"), fields.where() + ".link", folder);
  fields.finish();
  return network;
}

Json to_json(const PowerModel& power) {
  return {{"idle", power.idle},
          {"compute", power.compute},
          {"transmit", power.transmit},
          {"source", power.source}};
}

Json to_json(const Machine& machine) {
  Json json{{"name", machine.name}};
  if (!machine.address.empty()) json["address"] = machine.address;
  if (!machine.preset.empty()) json["preset"] = machine.preset;
  if (machine.slowdown_given || machine.slowdown != 1) json["slowdown"] = machine.slowdown;
  if (machine.slowdown_is_estimate) json["slowdown_is_estimate"] = true;
  if (machine.weights_from_memory) json["weights_from_memory"] = true;
  if (machine.cores != 1) json["cores"] = machine.cores;
  if (machine.memory > 0) json["memory"] = machine.memory;
  if (machine.swap_bandwidth > 0) json["swap_bandwidth"] = machine.swap_bandwidth;
  if (!machine.power.source.empty()) json["power"] = to_json(machine.power);
  return json;
}

[[noreturn]] void fail(const std::string& what) {
  throw Error(ErrorKind::kInvalid, "cluster: " + what);
}

bool is_address(std::string_view address) {
  constexpr int kMostPort = 65535;
  const std::size_t colon = address.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  int port = -1;
  const char* end = address.data() + address.size();
  const auto [stop, error] = std::from_chars(address.data() + colon + 1, end, port);
  return error == std::errc() && stop == end && port >= 0 && port <= kMostPort;
}

void check_machine(const Machine& machine) {
  const auto check = [&](bool good, const char* what, double value) {
    if (!good) fail("machine " + machine.name + ": " + what + ": " + std::to_string(value));
  };
  if (machine.name.empty()) fail("a machine has no name");
  if (!machine.address.empty() && !is_address(machine.address))
    fail("machine " + machine.name + ": not an address (HOST:PORT): \"" + machine.address + '"');
  check(machine.slowdown > 0 && std::isfinite(machine.slowdown), "slowdown must be positive",
        machine.slowdown);
  check(machine.cores >= 1, "it needs a core", machine.cores);
  check(machine.memory >= 0, "memory must not be negative", static_cast<double>(machine.memory));
  check(machine.swap_bandwidth >= 0 && std::isfinite(machine.swap_bandwidth),
        "swap_bandwidth must not be negative", machine.swap_bandwidth);
  for (const double watts : {machine.power.idle, machine.power.compute, machine.power.transmit})
    check(watts >= 0 && std::isfinite(watts), "power must not be negative", watts);
}

// Nobody dials the source, and port 0 is any.
void check_different_addresses(const Cluster& cluster) {
  std::map<std::string_view, const Machine*> known;
  for (const Machine& machine : cluster.machines) {
    if (machine.name == cluster.source || machine.address.empty() ||
        machine.address.ends_with(":0"))
      continue;
    const Machine* first = known.emplace(machine.address, &machine).first->second;
    if (first != &machine)
      fail(first->name + " and " + machine.name + " have the same address, " + machine.address +
           ": each needs an agent of its own");
  }
}

void check_network(const ClusterNetwork& network) {
  if (network.name.empty()) fail("a network has no name");
  std::set<std::string_view> machines;
  for (const std::string& machine : network.machines)
    if (!machines.insert(machine).second) fail(network.name + " has " + machine + " twice");
  check_link(network.link);
}

}  // namespace

bool ClusterNetwork::has(std::string_view machine) const {
  return machines.empty() || std::ranges::find(machines, machine) != machines.end();
}

const Machine* Cluster::find(std::string_view machine) const {
  const auto found = std::ranges::find(machines, machine, &Machine::name);
  return found == machines.end() ? nullptr : &*found;
}

const Machine& Cluster::machine(std::string_view name) const {
  if (const Machine* machine = find(name)) return *machine;
  throw Error(ErrorKind::kNotFound, "the cluster has no machine " + std::string(name) +
                                        suggestion(name, machine_names(*this)));
}

std::optional<LinkProfile> Cluster::link(std::string_view from, std::string_view to) const {
  if (from == to) return LinkProfile{.name = "local"};
  for (const ClusterLink& link : links) {
    if (link.a == from && link.b == to) return link.up;
    if (link.a == to && link.b == from) return link.down;
  }
  if (const ClusterNetwork* way = network(from, to)) return way->link;
  return std::nullopt;
}

const ClusterNetwork* Cluster::network(std::string_view from, std::string_view to) const {
  const auto joins = [&](const ClusterLink& link) {
    return (link.a == from && link.b == to) || (link.a == to && link.b == from);
  };
  if (from == to || std::ranges::any_of(links, joins)) return nullptr;
  if (find(from) == nullptr || find(to) == nullptr) return nullptr;
  const auto way = std::ranges::find_if(
      networks, [&](const ClusterNetwork& each) { return each.has(from) && each.has(to); });
  return way == networks.end() ? nullptr : &*way;
}

Cluster read_cluster(const std::filesystem::path& file) {
  return cluster_from_json(read_document(file), file.string(), file.parent_path());
}

Cluster cluster_from_json(const Json& document, const std::string& where,
                          const std::filesystem::path& folder) {
  Fields fields(document, where);
  fields.expect_schema("isthmus.cluster", 1);
  Cluster cluster;
  cluster.source = fields.string("source");
  for (Fields& machine : fields.objects("machines"))
    cluster.machines.push_back(machine_from_json(machine));
  for (Fields& link : fields.objects("links"))
    cluster.links.push_back(link_of_cluster_from_json(link, folder));
  for (Fields& network : fields.objects("networks"))
    cluster.networks.push_back(network_from_json(network, folder));
  fields.finish();
  try {
    check_cluster(cluster);
  } catch (const Error& error) {
    throw Error(error.kind(), where + ": " + error.what());
  }
  return cluster;
}

Json to_json(const Cluster& cluster) {
  Json json{{"schema", "isthmus.cluster/1"}, {"source", cluster.source}};
  json["machines"] = Json::array();
  for (const Machine& machine : cluster.machines) json["machines"].push_back(to_json(machine));
  json["links"] = Json::array();
  for (const ClusterLink& link : cluster.links) {
    Json entry{{"a", link.a}, {"b", link.b}};
    const Json up = to_json(link.up);
    const Json down = to_json(link.down);
    if (up == down) {
      entry.update(up);
    } else {
      entry["up"] = up;
      entry["down"] = down;
    }
    json["links"].push_back(entry);
  }
  for (const ClusterNetwork& network : cluster.networks) {
    Json entry{{"name", network.name}, {"link", to_json(network.link)}};
    if (!network.machines.empty()) entry["machines"] = network.machines;
    json["networks"].push_back(entry);
  }
  return json;
}

void check_cluster(const Cluster& cluster) {
  std::unordered_map<std::string_view, std::uint64_t> names;
  for (const Machine& machine : cluster.machines) {
    check_machine(machine);
    if (!names.emplace(machine.name, names.size()).second)
      fail("two machines are named " + machine.name);
  }
  // Its number.
  const auto known = [&](const std::string& name, const std::string& who) {
    const auto found = names.find(name);
    if (found == names.end())
      fail(who + " names a machine that is not there: " + name +
           suggestion(name, machine_names(cluster)));
    return found->second;
  };
  known(cluster.source, "source");
  check_different_addresses(cluster);
  std::unordered_set<std::uint64_t> pairs;
  for (const ClusterLink& link : cluster.links) {
    const auto [low, high] = std::minmax({known(link.a, "a link"), known(link.b, "a link")});
    if (low == high) fail("a link joins " + link.a + " to itself");
    if (!pairs.insert(low << 32 | high).second) fail("two links join " + link.a + " and " + link.b);
    check_link(link.up);
    check_link(link.down);
  }
  std::set<std::string_view> networks;
  for (const ClusterNetwork& network : cluster.networks) {
    check_network(network);
    if (!networks.insert(network.name).second) fail("two networks are named " + network.name);
    for (const std::string& machine : network.machines) known(machine, "network " + network.name);
  }
}

void check_addresses(const Cluster& cluster, const std::set<std::string>& machines) {
  for (const Machine& machine : cluster.machines)
    if (machine.name != cluster.source && machine.address.empty() &&
        machines.contains(machine.name))
      throw Error(ErrorKind::kInvalid,
                  machine.name +
                      " has no address: add `address: \"HOST:PORT\"`, where its agent "
                      "listens, to its line in the cluster file");
}

}  // namespace isthmus
