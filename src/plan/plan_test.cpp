#include "plan/plan.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "core/file.h"
#include "core/hash.h"
#include "core/json.h"
#include "graph/builder.h"
#include "plan/tiny_plans.h"

namespace isthmus {
namespace {

Graph tiny_network() {
  GraphBuilder net("tiny");
  std::string x = net.input("image", {-1, 3, 8, 8});
  x = net.relu(net.conv(x, 4, {.kernel = {3}, .pad = {1}}), "middle");
  x = net.gemm(net.flatten(net.global_average_pool(x)), 5, "logits");
  net.output(x);
  return net.build();
}

LoadedPlan tiny_plan() {
  LoadedPlan loaded = place(whole_partition(tiny_network()), {{"whole", "server"}},
                            {{"input:image->whole:image", {.name = "u8"}}},
                            {.tensor = "image", .shape = {1, 3, 8, 8}});
  loaded.plan.name = "u8";
  return loaded;
}

// Head on the camera, tail on the server.
TinyPlans two_parts() {
  TinyPlans tiny;
  tiny.machine("camera");
  tiny.machine("server");
  tiny.link("camera", "server", 1e6, 0);
  tiny.chain({"camera", "server"}, {1, 1}, 10);
  return tiny;
}

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(EdgeName, GoesThereAndBack) {
  for (const Edge& edge : {Edge{"head", "x", "tail", "x"},
                           {"", "image", "head", "image"},
                           {"tail", "y", "", "logits"},
                           {"a", "block:1/add:0", "b", "in:3"}}) {
    SCOPED_TRACE(edge_name(edge));
    EXPECT_EQ(edge_from_name(edge_name(edge)), edge);
  }
  EXPECT_EQ(edge_name({"", "image", "head", "x"}), "input:image->head:x");
  EXPECT_EQ(edge_name({"tail", "y", "", "z"}), "tail:y->answer:z");
  for (const char* bad : {"", "head", "head:x", "head->tail", "head:x->tail", "x->tail:y"})
    EXPECT_THROW(edge_from_name(bad), Error) << bad;
}

TEST(CheckPlan, NamesWhatIsWrong) {
  struct Case {
    const char* expected;
    std::function<void(Plan&)> spoil;
  };
  for (const Case& c : {
           Case{"has no machine", [](Plan& p) { p.parts[0].machines.clear(); }},
           {"two parts are named part0", [](Plan& p) { p.parts[1].name = "part0"; }},
           {"cannot be named input", [](Plan& p) { p.parts[0].name = "input"; }},
           {"part1 is single", [](Plan& p) { p.parts[1].machines.push_back("camera"); }},
           {"did you mean part1", [](Plan& p) { p.edges[1].edge.to_part = "part11"; }},
           {"two edges into it", [](Plan& p) { p.edges.push_back(p.edges[1]); }},
           {"no edge comes from the input",
            [](Plan& p) { p.edges[0].edge = {"part1", "z", "part0", "x"}; }},
           {"in a circle",
            [](Plan& p) { p.edges.push_back({.edge = {"part1", "z", "part0", "z"}}); }},
           {"no edge leads to an answer", [](Plan& p) { p.edges.pop_back(); }},
           {"u9", [](Plan& p) { p.edges[1].codec.name = "u9"; }},
           {"needs a table", [](Plan& p) { p.edges[1].codec.name = "u8+rans"; }},
           {"carries no image", [](Plan& p) { p.edges[1].codec.name = "jpeg:75"; }},
           {"its exit is no answer",
            [](Plan& p) { p.gates = {{.part = "part0", .confidence = "c", .exit = "e"}}; }},
           {"cannot be optional", [](Plan& p) { p.edges[2].required = false; }},
           {"deadline", [](Plan& p) { p.deadline = Seconds{0}; }},
           {"did you mean server", [](Plan& p) { p.parts[1].machines = {"serve"}; }},
           {"sink", [](Plan& p) { p.sink = "nobody"; }},
           {"needs a link from camera to other", [](Plan& p) { p.parts[1].machines = {"other"}; }},
       }) {
    SCOPED_TRACE(c.expected);
    TinyPlans tiny = two_parts();
    tiny.machine("other");
    EXPECT_EQ(message_of([&] { check_plan(tiny.plan, tiny.cluster); }), "");
    c.spoil(tiny.plan);
    const std::string message = message_of([&] { check_plan(tiny.plan, tiny.cluster); });
    EXPECT_NE(message.find(c.expected), std::string::npos) << message;
  }
}

TEST(ExecutionOrder, PutsProducersFirst) {
  TinyPlans tiny;
  for (const char* name : {"c", "a", "b"}) tiny.part(name, {"m"}, 1);
  tiny.edge("input:x->a:x", 0);
  tiny.edge("a:y->b:x", 0);
  tiny.edge("b:y->c:x", 0);
  tiny.edge("c:y->answer:y", 0);
  EXPECT_EQ(execution_order(tiny.plan), (std::vector<std::size_t>{1, 2, 0}));
}

TEST(AllOn, KeepsPartsAndDropsCodecs) {
  TinyPlans tiny = two_parts();
  tiny.plan.edges[1].codec = {.name = "u8", .range = {{0, 1}}};
  tiny.plan.sink = "server";
  const Plan local = all_on(tiny.plan, "camera");
  EXPECT_EQ(local.name, "chain@camera");
  EXPECT_EQ(local.sink, "");
  for (const PlacedPart& part : local.parts)
    EXPECT_EQ(part.machines, std::vector<std::string>{"camera"});
  for (const PlanEdge& edge : local.edges) EXPECT_EQ(edge.codec.name, "f32");
  check_plan(local, tiny.cluster);
}

TEST(Place, HashesThePartsAndCodesTheEdges) {
  const LoadedPlan loaded = tiny_plan();
  ASSERT_EQ(loaded.plan.parts.size(), 1U);
  EXPECT_EQ(loaded.plan.parts[0].sha256, sha256(*loaded.parts.at("whole")));
  EXPECT_EQ(loaded.plan.edges[0].codec.name, "u8");
  EXPECT_EQ(loaded.plan.answers().size(), 1U);
  EXPECT_EQ(parse_graph(*loaded.parts.at("whole"), "whole").nodes.size(),
            tiny_network().nodes.size());
}

TEST(Place, RefusesPartsWithoutMachineAndCodecsWithoutEdge) {
  EXPECT_THROW(place(whole_partition(tiny_network()), {}, {}, {}), Error);
  EXPECT_THROW(
      place(whole_partition(tiny_network()), {{"whole", "m"}}, {{"input:x->whole:x", {}}}, {}),
      Error);
}

TEST(PlanJson, KeepsAnyTensorName) {
  TinyPlans tiny = two_parts();
  tiny.plan.edges[1].edge = {"part0", "block:1/->part1:0", "part1", "in->answer:3"};
  const Plan again = plan_from_json(to_json(tiny.plan), "again");
  EXPECT_EQ(again.edges[1].edge, tiny.plan.edges[1].edge);
}

TEST(SavePlan, IsReadBackAsItWas) {
  const TemporaryFolder folder;
  LoadedPlan loaded = tiny_plan();
  const std::string table = "frequencies";
  loaded.plan.edges[0].codec = {
      .name = "u8+rans", .range = {{0, 1}}, .table = "", .table_sha256 = sha256(table)};
  loaded.tables[sha256(table)] = std::make_shared<const std::string>(table);
  save_plan(loaded, folder.path() / "deep/plan.yaml");
  const auto ladder = read_ladder(folder.path() / "deep/plan.yaml");
  ASSERT_EQ(ladder.size(), 1U);
  EXPECT_EQ(*ladder[0].parts.at("whole"), *loaded.parts.at("whole"));
  EXPECT_EQ(*ladder[0].tables.at(sha256(table)), table);
  // And the same again from what was read.
  save_plan(ladder[0], folder.path() / "again.json");
  EXPECT_EQ(to_json(read_ladder(folder.path() / "again.json")[0].plan)["edges"][0]["codec"]["name"],
            "u8+rans");
}

TEST(SaveLadder, KeepsTheOrderAndSharesTheParts) {
  const TemporaryFolder folder;
  LoadedPlan first = tiny_plan();
  LoadedPlan second = tiny_plan();
  second.plan.name = "cut:features.3/u8+rans";
  save_ladder({first, second}, folder.path() / "ladder.yaml");
  const auto ladder = read_ladder(folder.path() / "ladder.yaml");
  ASSERT_EQ(ladder.size(), 2U);
  EXPECT_EQ(ladder[0].plan.name, "u8");
  EXPECT_EQ(ladder[1].plan.name, "cut:features.3/u8+rans");
  std::size_t parts = 0;
  for ([[maybe_unused]] const auto& file :
       std::filesystem::directory_iterator(folder.path() / "ladder.parts"))
    ++parts;
  EXPECT_EQ(parts, 1U);
  EXPECT_THROW(save_ladder({}, folder.path() / "none.yaml"), Error);
}

TEST(ReadLadder, RefusesAPartThatIsAnother) {
  const TemporaryFolder folder;
  const LoadedPlan loaded = tiny_plan();
  save_plan(loaded, folder.path() / "plan.yaml");
  const auto part = folder.path() / "plan.parts" / (loaded.plan.parts[0].sha256 + ".onnx");
  write_file(part, std::string_view("something else"));
  const std::string message = message_of([&] { read_ladder(folder.path() / "plan.yaml"); });
  EXPECT_NE(message.find("part whole"), std::string::npos) << message;
  EXPECT_NE(message.find("SHA-256"), std::string::npos) << message;
  std::filesystem::remove(part);
  EXPECT_THROW(read_ladder(folder.path() / "plan.yaml"), Error);
  EXPECT_THROW(read_ladder(folder.path() / "missing.yaml"), Error);
  write_file(folder.path() / "broken.yaml", std::string_view("schema: isthmus.plan/1\nname: [\n"));
  EXPECT_THROW(read_ladder(folder.path() / "broken.yaml"), Error);
}

}  // namespace
}  // namespace isthmus
