#include "plan/cluster.h"

#include <gtest/gtest.h>

#include <functional>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "plan/link_index.h"

namespace isthmus {
namespace {

Cluster two_machines() {
  Cluster cluster;
  cluster.source = "camera";
  cluster.machines = {{.name = "camera"}, {.name = "server"}};
  cluster.links = {{"camera", "server", link_preset("wifi-5"), link_preset("wifi-20")}};
  return cluster;
}

TEST(Cluster, HasLinksInBothDirections) {
  const Cluster cluster = two_machines();
  EXPECT_DOUBLE_EQ(cluster.link("camera", "server")->bandwidth, 5e6);
  EXPECT_DOUBLE_EQ(cluster.link("server", "camera")->bandwidth, 20e6);
  EXPECT_FALSE(is_shaped(*cluster.link("server", "server")));
  EXPECT_EQ(cluster.link("camera", "nobody"), std::nullopt);
}

TEST(Cluster, AllMachinesOfANetworkReachEachOther) {
  Cluster cluster = two_machines();
  for (const char* name : {"pi1", "pi2", "pi3"}) cluster.machines.push_back({.name = name});
  cluster.networks = {{"lan", {"server", "pi1", "pi2"}, link_preset("ethernet-94")},
                      {"radio", {}, link_preset("wifi-5")}};
  check_cluster(cluster);
  EXPECT_EQ(cluster.link("pi1", "pi2")->name, "ethernet-94");
  EXPECT_EQ(cluster.network("pi2", "server")->name, "lan");
  EXPECT_EQ(cluster.network("pi1", "pi3")->name, "radio");
  EXPECT_EQ(cluster.link("pi3", "camera")->name, "wifi-5");
  // A link of their own goes first.
  EXPECT_EQ(cluster.link("server", "camera")->name, "wifi-20");
  EXPECT_EQ(cluster.network("server", "camera"), nullptr);
  EXPECT_EQ(cluster.network("pi1", "pi1"), nullptr);
  EXPECT_EQ(cluster.network("pi1", "nobody"), nullptr);
  const LinkIndex index(cluster);
  for (const Machine& from : cluster.machines) {
    for (const Machine& to : cluster.machines) {
      if (&from == &to) continue;
      SCOPED_TRACE(from.name + " to " + to.name);
      const auto way = index.find(index.machine(from.name), index.machine(to.name));
      EXPECT_EQ(way->profile->name, cluster.link(from.name, to.name)->name);
      const ClusterNetwork* network = cluster.network(from.name, to.name);
      EXPECT_EQ(way->network ? &cluster.networks[*way->network] : nullptr, network);
    }
  }
}

TEST(Cluster, NetworksComeBackFromTheirFile) {
  const std::string text =
      "{schema: isthmus.cluster/1, source: a,"
      " machines: [{name: a}, {name: b, slowdown: 9, weights_from_memory: true}, {name: c}],"
      " networks: [{name: lan, machines: [a, b], link: ethernet-94},"
      " {name: air, link: {bandwidth: 3Mbit, latency_ms: 2}}]}";
  const Cluster read = cluster_from_json(parse_document(text, "text"), "text", {});
  const Cluster again = cluster_from_json(to_json(read), "again", {});
  for (const Cluster& cluster : {read, again}) {
    EXPECT_EQ(cluster.link("a", "b")->name, "ethernet-94");
    EXPECT_DOUBLE_EQ(cluster.link("b", "c")->bandwidth, 3e6);
    EXPECT_TRUE(cluster.networks.at(1).machines.empty());
    EXPECT_TRUE(cluster.machine("b").weights_from_memory);
    EXPECT_FALSE(cluster.machine("c").weights_from_memory);
  }
}

TEST(Cluster, SuggestsTheNearestMachine) {
  try {
    two_machines().machine("sever");
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kNotFound);
    EXPECT_NE(std::string(error.what()).find("server"), std::string::npos);
  }
}

TEST(CheckCluster, RefusesTheImpossible) {
  const std::vector<std::function<void(Cluster&)>> spoils = {
      [](Cluster& c) { c.machines[1].name = "camera"; },
      [](Cluster& c) { c.machines[1].name = ""; },
      [](Cluster& c) { c.machines[1].address = "192.0.2.1"; },
      [](Cluster& c) { c.machines[1].address = ":7000"; },
      [](Cluster& c) { c.machines[1].address = "edge:port"; },
      [](Cluster& c) { c.machines[1].address = "edge:70000"; },
      [](Cluster& c) { c.machines[0].slowdown = 0; },
      [](Cluster& c) { c.machines[0].memory = -1; },
      [](Cluster& c) { c.machines[0].cores = 0; },
      [](Cluster& c) { c.machines[0].power.compute = -1; },
      [](Cluster& c) { c.source = "nobody"; },
      [](Cluster& c) { c.source = ""; },
      [](Cluster& c) { c.links[0].b = "nobody"; },
      [](Cluster& c) { c.links[0].b = "camera"; },
      [](Cluster& c) { c.links.push_back({"server", "camera", {}, {}}); },
      [](Cluster& c) { c.links[0].up.loss = 2; },
      [](Cluster& c) { c.networks = {{}}; },
      [](Cluster& c) { c.networks = {{"lan", {"camera", "nobody"}, {}}}; },
      [](Cluster& c) { c.networks = {{"lan", {"camera", "camera"}, {}}}; },
      [](Cluster& c) { c.networks = {{"lan", {}, {}}, {"lan", {}, {}}}; },
      [](Cluster& c) { c.networks = {{"lan", {}, {.bandwidth = 0}}}; },
  };
  check_cluster(two_machines());
  for (std::size_t i = 0; i < spoils.size(); ++i) {
    SCOPED_TRACE(i);
    Cluster cluster = two_machines();
    spoils[i](cluster);
    EXPECT_THROW(check_cluster(cluster), Error);
  }
}

TEST(CheckCluster, RefusesTwoMachinesAtOneAddress) {
  Cluster cluster = two_machines();
  cluster.machines.push_back({.name = "pi1", .address = "[::1]:7000"});
  cluster.machines.push_back({.name = "pi2", .address = "[::1]:7000"});
  try {
    check_cluster(cluster);
    ADD_FAILURE();
  } catch (const Error& error) {
    const std::string message = error.what();
    EXPECT_NE(message.find("pi1 and pi2"), std::string::npos) << message;
    EXPECT_NE(message.find("[::1]:7000"), std::string::npos) << message;
  }
  for (const char* any : {"", "127.0.0.1:0"}) {
    SCOPED_TRACE(any);
    cluster.machines[2].address = cluster.machines[3].address = any;
    check_cluster(cluster);
  }
}

TEST(CheckAddresses, NamesAMachineThatCannotBeReached) {
  Cluster cluster = two_machines();
  cluster.machines.push_back({.name = "pi1", .address = "192.0.2.1:7000"});
  check_addresses(cluster, {"camera", "pi1"});
  try {
    check_addresses(cluster, {"camera", "server", "pi1"});
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInvalid);
    EXPECT_TRUE(std::string(error.what()).starts_with("server has no address")) << error.what();
  }
}

TEST(ReadCluster, FindsTracesBesideTheFileAndNamesThePlaceOfAnError) {
  const TemporaryFolder folder;
  write_file(folder.path() / "drive.up", std::string_view("1\n2\n"));
  const std::string head =
      "schema: isthmus.cluster/1\nsource: a\nmachines: [{name: a}, {name: b}]\nlinks:\n";
  write_file(folder.path() / "good.yaml",
             head + "  - {a: a, b: b, trace: drive.up, latency_ms: 25}\n");
  EXPECT_EQ(
      read_cluster(folder.path() / "good.yaml").link("a", "b")->trace->opportunities_ms.size(), 2U);
  write_file(folder.path() / "bad.yaml", head + "  - {a: a, b: b, up: {bandwith: 3}}\n");
  try {
    read_cluster(folder.path() / "bad.yaml");
    ADD_FAILURE();
  } catch (const Error& error) {
    const std::string message = error.what();
    EXPECT_NE(message.find("bad.yaml"), std::string::npos) << message;
    EXPECT_NE(message.find("links[0].up"), std::string::npos) << message;
    EXPECT_NE(message.find("bandwidth"), std::string::npos) << message;
  }
}

}  // namespace
}  // namespace isthmus
