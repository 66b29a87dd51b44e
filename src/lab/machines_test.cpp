#include "lab/machines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/file.h"
#include "lab/study.h"
#include "lab/tiny_network.h"

namespace isthmus {
namespace {

constexpr int kFrames = 12;

// The image, 96x96x3 and uncompressed, goes to the server.
LabRun raw_run(const std::string& link) {
  GraphBuilder net("tiny", {.seed = 5});
  const std::string x = net.input("input", {-1, 3, 96, 96});
  net.output(net.gemm(net.flatten(net.relu(net.conv(x, 4, {.kernel = {3}, .stride = {8}}))), 16,
                      "logits"));
  const NetworkUnderStudy network = study_network(net.build(), "zoo:tiny", "tiny");
  LabRun run{.plan = candidate_plans(network, {"raw"}, 1, tiny_options(network), {}).front(),
             .cluster = {},
             .data = "signs",
             .frames = kFrames,
             .min_frames = kFrames,
             .cell_time = Seconds{30}};
  run.cluster.source = "device";
  run.cluster.machines = {{.name = "device"}, {.name = "server", .address = "127.0.0.1:1"}};
  run.cluster.links = {
      {.a = "device", .b = "server", .up = link_preset(link), .down = link_preset(link)}};
  return run;
}

bool programs_are_built() {
  try {
    sibling_program("isthmus");
    sibling_program("isthmus-agent");
    return true;
  } catch (const Error&) {
    return false;
  }
}

TEST(LabMachines, RunAPlanOnProcessesOverAShapedLink) {
  if (!programs_are_built()) GTEST_SKIP() << "isthmus and isthmus-agent are not built";
  const TemporaryFolder folder;
  const LabRun run = raw_run("20Mbit,5ms");
  LabMachines machines(LabMode::kProcess, run.cluster, folder.path());
  const Trace trace = machines.run(run, folder.path() / "run");
  EXPECT_GT(machines.peak_memory("server"), 1 << 20);
  ASSERT_EQ(trace.frames.size(), static_cast<std::size_t>(kFrames));
  for (const FrameRecord& frame : trace.frames) {
    EXPECT_EQ(frame.outcome, Outcome::kAnswered);
    ASSERT_FALSE(frame.bytes.empty());
    // 27,648 bytes of pixels take 11.5 ms on air, there and back takes 10 ms.
    EXPECT_GT(frame.capture_to_output.count(), 0.021);
    EXPECT_GE(frame.bytes.front().message, 27'648);
    EXPECT_LE(frame.bytes.front().message, 27'648 + 32);
  }
}

TEST(LabMachines, CountTheBytesThatTheInterfaceCounts) {
  const NamespaceSupport support = namespace_support();
  if (!support.available) GTEST_SKIP() << support.why_not;
  if (!programs_are_built()) GTEST_SKIP() << "isthmus and isthmus-agent are not built";
  const TemporaryFolder folder;
  LabMachines machines(LabMode::kNamespace, raw_run("20Mbit,1ms").cluster, folder.path());
  const auto sent_for = [&](int frames) {
    LabRun run = raw_run("20Mbit,1ms");
    run.frames = run.min_frames = frames;
    const std::int64_t before = machines.sent_bytes("device");
    const Trace trace = machines.run(run, folder.path() / std::to_string(frames));
    std::int64_t counted = 0;
    for (const FrameRecord& frame : trace.frames) counted += frame.bytes.front().on_air;
    return std::pair{machines.sent_bytes("device") - before, counted};
  };
  // What greeting and deployment take is in both.
  const auto [interface_few, counted_few] = sent_for(2);
  const auto [interface_many, counted_many] = sent_for(42);
  const auto interface_bytes = static_cast<double>(interface_many - interface_few);
  const auto counted_bytes = static_cast<double>(counted_many - counted_few);
  EXPECT_NEAR(interface_bytes / counted_bytes, 1, 0.05);
}

TEST(LabMachines, KeepABoardToItsMemory) {
  const NamespaceSupport support = namespace_support();
  if (!support.available) GTEST_SKIP() << support.why_not;
  if (!programs_are_built()) GTEST_SKIP() << "isthmus and isthmus-agent are not built";
  const TemporaryFolder folder;
  LabRun run = raw_run("20Mbit,1ms");
  run.cluster.machines[1].memory = 1 << 20;
  try {
    LabMachines machines(LabMode::kNamespace, run.cluster, folder.path());
    FAIL() << "an agent in 1 MiB";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("server took more than its memory"));
  }
}

TEST(LabMachines, ShapeEveryInterfaceOfASwitch) {
  const NamespaceSupport support = namespace_support();
  if (!support.available) GTEST_SKIP() << support.why_not;
  if (!programs_are_built()) GTEST_SKIP() << "isthmus and isthmus-agent are not built";
  const TemporaryFolder folder;
  LabRun run = raw_run("20Mbit,1ms");
  run.cluster.links.clear();
  run.cluster.machines.push_back({.name = "other", .address = "127.0.0.1:2"});
  run.cluster.networks.push_back(
      {.name = "lan", .machines = {}, .link = link_preset("20Mbit,1ms")});
  run.min_frames = run.frames = 5;
  LabMachines machines(LabMode::kNamespace, run.cluster, folder.path());
  const Trace trace = machines.run(run, folder.path() / "run");
  ASSERT_EQ(trace.frames.size(), 5u);
  for (const FrameRecord& frame : trace.frames) {
    EXPECT_EQ(frame.outcome, Outcome::kAnswered);
    // 27,648 bytes take 11 ms into the switch, and the last packet out of it.
    EXPECT_GT(frame.capture_to_output.count(), 0.011);
  }
  EXPECT_GT(machines.sent_bytes("device"), 5 * 27'648);
  EXPECT_LT(machines.sent_bytes("other"), 27'648);
}

}  // namespace
}  // namespace isthmus
