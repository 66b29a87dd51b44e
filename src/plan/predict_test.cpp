#include "plan/predict.h"

#include <gtest/gtest.h>

#include <numeric>

#include "codec/frame.h"
#include "core/error.h"
#include "plan/tiny_plans.h"
#include "plan/working_set.h"

namespace isthmus {
namespace {

// Payload of a message that is `size` bytes long with its frame header.
double payload(std::size_t size) { return static_cast<double>(size - kFrameHeaderBytes); }

double sum(const std::map<std::string, double>& parts) {
  return std::accumulate(parts.begin(), parts.end(), 0.0,
                         [](double s, const auto& part) { return s + part.second; });
}

// A weak camera (x10) and a server over 8 Mb/s and 20 ms: a megabyte takes a second.
TinyPlans camera_and_server() {
  TinyPlans tiny;
  tiny.machine("camera", 10);
  tiny.machine("server");
  tiny.link("camera", "server", 8e6, 0.02);
  return tiny;
}

TEST(Predict, IsHeadDataTailAndTheWayBack) {
  TinyPlans tiny = camera_and_server();
  tiny.chain({"camera", "server"}, {0.01, 0.3}, payload(100'000));
  auto& codec = tiny.profile.codecs["part0/y/f32"];
  codec.encode = Seconds{0.002};
  codec.decode = Seconds{0.001};
  const Prediction p = predict(tiny.plan, tiny.cluster, tiny.profile);
  EXPECT_NEAR(p.total.count(), 0.1 + 0.02 + 0.12 + 0.001 + 0.3 + 0.12, 1e-12);
  EXPECT_NEAR(p.parts_ms.at("part0"), 100, 1e-9);
  EXPECT_NEAR(p.parts_ms.at("encode"), 20, 1e-9);
  EXPECT_NEAR(p.parts_ms.at("network"), 240, 1e-9);
  EXPECT_NEAR(p.parts_ms.at("decode"), 1, 1e-9);
  EXPECT_NEAR(p.parts_ms.at("part1"), 300, 1e-9);
  EXPECT_NEAR(sum(p.parts_ms), 1e3 * p.total.count(), 1e-9);
  EXPECT_EQ(p.bytes_per_frame, 200'000);
}

TEST(Predict, NormalisesWhereTheTensorIsMade) {
  for (const bool image : {false, true}) {
    SCOPED_TRACE(image);
    TinyPlans tiny = camera_and_server();
    tiny.chain({"server"}, {0.3}, payload(1000));
    tiny.plan.input.width = tiny.plan.input.height = 8;
    tiny.plan.edges[0].codec.name = image ? "jpeg:75" : "u8";
    tiny.profile.codecs[codec_key(tiny.plan, tiny.plan.edges[0])].bytes = payload(1000);
    tiny.profile.codecs[normalise_key(tiny.plan, tiny.plan.edges[0])].encode = Seconds{0.004};
    const Prediction p = predict(tiny.plan, tiny.cluster, tiny.profile);
    // The server decodes and normalises; the camera, ten times slower, normalises and encodes.
    EXPECT_NEAR(p.parts_ms.at(image ? "decode" : "prepare"), image ? 4 : 40, 1e-9);
  }
}

TEST(Predict, OverlapsWhatRunsOnDifferentMachines) {
  TinyPlans tiny;
  for (const char* name : {"camera", "a", "b"}) tiny.machine(name);
  tiny.link("camera", "a", 8e6, 0);
  tiny.link("camera", "b", 8e6, 0);
  tiny.part("left", {"a"}, 1);
  tiny.part("right", {"b"}, 2);
  tiny.part("merge", {"camera"}, 0.5);
  for (const char* side : {"left", "right"}) {
    tiny.edge(std::string("input:x->") + side + ":x", payload(100'000));
    tiny.edge(std::string(side) + ":y->merge:" + side, payload(100'000));
  }
  tiny.edge("merge:y->answer:y", 0);
  EXPECT_NEAR(predict(tiny.plan, tiny.cluster, tiny.profile).total.count(), 0.1 + 2 + 0.1 + 0.5,
              1e-12);
}

TEST(Predict, RunsThePartsOfOneMachineInTurn) {
  TinyPlans tiny;
  Machine& camera = tiny.machine("camera");
  tiny.part("left", {"camera"}, 1);
  tiny.part("right", {"camera"}, 2);
  tiny.part("merge", {"camera"}, 0.5);
  for (const char* side : {"left", "right"}) {
    tiny.edge(std::string("input:x->") + side + ":x", 0);
    tiny.edge(std::string(side) + ":y->merge:" + side, 0);
  }
  tiny.edge("merge:y->answer:y", 0);
  EXPECT_NEAR(predict(tiny.plan, tiny.cluster, tiny.profile).total.count(), 3.5, 1e-12);
  camera.cores = 2;
  EXPECT_NEAR(predict(tiny.plan, tiny.cluster, tiny.profile).total.count(), 2.5, 1e-12);
}

TEST(Predict, SendsOneMessageAfterTheOther) {
  TinyPlans tiny = camera_and_server();
  tiny.part("one", {"server"}, 0);
  tiny.edge("input:a->one:a", payload(100'000));
  tiny.edge("input:b->one:b", payload(300'000));
  tiny.edge("one:y->answer:y", payload(100'000));
  EXPECT_NEAR(predict(tiny.plan, tiny.cluster, tiny.profile).total.count(), 0.4 + 0.02 + 0.12,
              1e-12);
}

TEST(Predict, WeighsExitsByHowOftenTheyAreTaken) {
  TinyPlans tiny = camera_and_server();
  tiny.chain({"camera", "server"}, {0.01, 0.3}, payload(100'000));
  tiny.edge("part0:early->answer:early", 0);
  tiny.plan.gates = {
      {.part = "part0", .confidence = "c", .threshold = 0.5, .exit = "early", .taken = 0.25}};
  const Prediction p = predict(tiny.plan, tiny.cluster, tiny.profile);
  EXPECT_NEAR(p.total.count(), 0.25 * 0.1 + 0.75 * (0.1 + 0.12 + 0.3 + 0.12), 1e-12);
  EXPECT_EQ(p.bytes_per_frame, 150'000);
}

TEST(Predict, TakesTheFirstOfARaceAndTheMeanOfASpread) {
  for (const auto& [placement, expected] :
       {std::pair(Placement::kRace, 1.0), {Placement::kSpread, 2.0}, {Placement::kStandby, 3.0}}) {
    TinyPlans tiny;
    tiny.machine("camera");
    tiny.machine("slow", 3);
    tiny.machine("fast", 1);
    tiny.link("camera", "slow", 8e6, 0);
    tiny.link("camera", "fast", 8e6, 0);
    tiny.part("p", {"slow", "fast"}, 1, placement);
    tiny.edge("input:x->p:x", 0);
    tiny.edge("p:y->answer:y", 0);
    // Four headers of 28 or 32 bytes in all.
    EXPECT_NEAR(predict(tiny.plan, tiny.cluster, tiny.profile).total.count(), expected, 2e-4);
  }
}

TEST(Predict, WaitsForOptionalInputsOnlySoLong) {
  for (const double wait : {0.5, 5.0}) {
    TinyPlans tiny;
    for (const char* name : {"camera", "a", "b"}) tiny.machine(name);
    tiny.link("camera", "a", 8e9, 0);
    tiny.link("camera", "b", 8e9, 0);
    tiny.part("left", {"a"}, 1);
    tiny.part("right", {"b"}, 3);
    tiny.part("merge", {"camera"}, 0.25);
    for (const char* side : {"left", "right"}) {
      tiny.edge(std::string("input:x->") + side + ":x", 0);
      PlanEdge& edge = tiny.edge(std::string(side) + ":y->merge:" + side, 0);
      edge.required = false;
      edge.wait = Seconds{wait};
    }
    tiny.edge("merge:y->answer:y", 0);
    const Prediction p = predict(tiny.plan, tiny.cluster, tiny.profile);
    EXPECT_NEAR(p.total.count(), wait < 2 ? 1.75 : 3.25, 1e-6);
    EXPECT_NEAR(sum(p.parts_ms), 1e3 * p.total.count(), 1e-9);
  }
}

TEST(Predict, TakesTheMeanOverARecordedLink) {
  TinyPlans tiny = camera_and_server();
  tiny.chain({"server"}, {0}, payload(1500));
  // One opportunity a second: the message waits half a second in the mean, each way.
  LinkProfile link{.headers = {.segment_bytes = 1 << 20, .header_bytes = 0}};
  link.trace = std::make_shared<const LinkTrace>(LinkTrace{"t", {1000}});
  tiny.cluster.links[0].up = link;
  tiny.cluster.links[0].down = {};
  EXPECT_NEAR(predict(tiny.plan, tiny.cluster, tiny.profile).total.count(), (1.0 + 15 * 0.5) / 16,
              1e-9);
}

TEST(Predict, ChargesTheSourceForWhatItDoes) {
  TinyPlans tiny = camera_and_server();
  tiny.chain({"camera", "server"}, {0.01, 0.3}, payload(100'000));
  tiny.cluster.machines[0].power = {.idle = 1, .compute = 4, .transmit = 2, .source = "test"};
  const Prediction p = predict(tiny.plan, tiny.cluster, tiny.profile);
  EXPECT_NEAR(p.energy_mj, 1e3 * (4 * 0.1 + 2 * 0.12 + 1 * (0.3 + 0.12)), 1e-9);
}

TEST(Predict, PaysForSwapping) {
  TinyPlans tiny = camera_and_server();
  tiny.chain({"server"}, {1}, payload(1000));
  tiny.profile.parts["part0"].weight_bytes = 30'000'000;
  tiny.cluster.machines[1].memory = kRuntimeBytes + 10'000'000;
  const double without = predict(tiny.plan, tiny.cluster, tiny.profile).total.count();
  tiny.cluster.machines[1].swap_bandwidth = 10e6;
  EXPECT_NEAR(predict(tiny.plan, tiny.cluster, tiny.profile).total.count() - without, 2, 1e-9);
}

TEST(Predict, NamesWhatTheProfileLacks) {
  TinyPlans tiny = camera_and_server();
  tiny.chain({"camera", "server"}, {0.01, 0.3}, 1000);
  Profile without_part = tiny.profile;
  without_part.parts.erase("part1");
  Profile without_codec = tiny.profile;
  without_codec.codecs.erase("part0/y/f32");
  for (const auto& [profile, name] :
       {std::pair(without_part, "part1"), {without_codec, "part0:y->part1:x"}}) {
    try {
      predict(tiny.plan, tiny.cluster, profile);
      ADD_FAILURE();
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(name), std::string::npos) << error.what();
      EXPECT_NE(std::string(error.what()).find("isthmus profile"), std::string::npos)
          << error.what();
    }
  }
}

}  // namespace
}  // namespace isthmus
