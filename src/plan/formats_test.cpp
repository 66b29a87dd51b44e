// The examples in docs/formats are read by the programs and keep the published schemas, and so does
// what is written.

#include <gtest/gtest.h>

#include "core/error.h"
#include "core/json.h"
#include "plan/cluster.h"
#include "plan/plan.h"
#include "plan/profile.h"
#include "support/json_schema.h"

namespace isthmus {
namespace {

std::filesystem::path format(const std::string& file) {
  return source_folder() / "docs/formats" / file;
}

Json schema(const std::string& name) { return read_document(format(name + ".schema.json")); }

TEST(Formats, PlanExampleIsAPlan) {
  const Json example = yaml_block(format("plan.md"));
  EXPECT_EQ(schema_violation(example, schema("plan")), "");
  const Plan plan = plan_from_json(example, "plan.md");
  EXPECT_EQ(plan.name, "cut:features.3/u8+rans");
  ASSERT_EQ(plan.parts.size(), 2U);
  EXPECT_EQ(plan.parts[1].placement, Placement::kSpread);
  ASSERT_EQ(plan.edges.size(), 4U);
  EXPECT_EQ(plan.edges[1].edge, (Edge{"head", "features.3", "tail", "features.3"}));
  EXPECT_EQ(plan.edges[1].codec.name, "u8+rans");
  EXPECT_EQ((*plan.edges[1].codec.range)[1], 6.0F);
  EXPECT_EQ(plan.edges[2].edge.to_part, "");
  EXPECT_EQ(plan.gates.at(0).exit, "early");
  EXPECT_EQ(plan.input.shape, (Shape{1, 3, 224, 224}));
  EXPECT_DOUBLE_EQ(plan.deadline.count(), 0.5);
  EXPECT_EQ(plan.predicted->bytes_per_frame, 14880);
  const Json written = to_json(plan);
  EXPECT_EQ(schema_violation(written, schema("plan")), "");
  EXPECT_EQ(to_json(plan_from_json(written, "again")), written);
}

TEST(Formats, LadderExampleIsALadder) {
  const Json example = yaml_block(format("plan.md"), 1);
  EXPECT_EQ(schema_violation(example, schema("ladder")), "");
  EXPECT_EQ(ladder_from_json(example, "plan.md").size(), 2U);
}

TEST(Formats, ClusterExampleIsACluster) {
  const Json example = yaml_block(format("cluster.md"));
  EXPECT_EQ(schema_violation(example, schema("cluster")), "");
  const Cluster cluster = cluster_from_json(example, "cluster.md", ".");
  EXPECT_EQ(cluster.source, "camera");
  EXPECT_EQ(cluster.machine("camera").preset, "raspberry-pi-4");
  EXPECT_EQ(cluster.machine("camera").memory, 2'000'000'000);
  EXPECT_FALSE(cluster.machine("camera").slowdown_given);
  EXPECT_DOUBLE_EQ(cluster.machine("board").slowdown, 12.5);
  EXPECT_DOUBLE_EQ(cluster.link("camera", "edge")->bandwidth, 20e6);
  EXPECT_DOUBLE_EQ(cluster.link("board", "camera")->bandwidth, 3e6);
  EXPECT_DOUBLE_EQ(cluster.link("edge", "board")->bandwidth, 94.1e6);
  EXPECT_DOUBLE_EQ(cluster.link("board", "edge")->bandwidth, 10e6);
  const Json written = to_json(cluster);
  EXPECT_EQ(schema_violation(written, schema("cluster")), "");
  EXPECT_EQ(to_json(cluster_from_json(written, "again", ".")), written);
}

TEST(Formats, ProfileExampleIsAProfile) {
  const Json example = yaml_block(format("profile.md"));
  EXPECT_EQ(schema_violation(example, schema("profile")), "");
  const Profile profile = profile_from_json(example, "profile.md");
  ASSERT_EQ(profile.parts.size(), 1U);
  EXPECT_DOUBLE_EQ(profile.parts.begin()->second.median.count(), 3.42e-3);
  EXPECT_DOUBLE_EQ(profile.codecs.begin()->second.bytes, 14852);
  const Json written = to_json(profile);
  EXPECT_EQ(schema_violation(written, schema("profile")), "");
  EXPECT_EQ(to_json(profile_from_json(written, "again")), written);
}

// What the schema forbids, the reader refuses.
TEST(Formats, ReadersRefuseWhatTheSchemasForbid) {
  struct Case {
    const char* page;
    const char* pointer;
    Json value;
  };
  const std::vector<Case> cases = {
      {"plan", "/schema", "isthmus.plan/2"},
      {"plan", "/parts", Json::array()},
      {"plan", "/parts/0/placement", "twice"},
      {"plan", "/parts/0/machines", Json::array()},
      {"plan", "/parts/0/colour", "red"},
      {"plan", "/edges/0/codec", 5},
      {"plan", "/edges/1/codec/range", {1}},
      {"plan", "/gates/0/taken", 1.5},
      {"plan", "/input/mean", {1, 2}},
      {"plan", "/input/width", -1},
      {"plan", "/input/shape", {1, -3}},
      {"plan", "/deadline_ms", 0},
      {"plan", "/predicted/total_ms", "soon"},
      {"plan", "/labels", {1, 2}},
      {"cluster", "/machines/0/cores", 0},
      {"cluster", "/machines/1/power/idle", -1},
      {"cluster", "/machines/0/slowdown", 0},
      {"cluster", "/machines/0/memory", -5},
      {"cluster", "/links/0/loss", 1},
      {"cluster", "/links/1/latency_ms", -1},
      {"cluster", "/links/2/up/width", 1},
      {"cluster", "/source", 7},
      {"profile", "/parts/x", {{"median_ms", 1}}},
      {"profile", "/machine", nullptr},
      {"profile", "/codecs/y", {{"encode_ms", -1}, {"decode_ms", 0}, {"bytes", 1}}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(std::string(c.page) + c.pointer + " = " + c.value.dump());
    Json document = yaml_block(format(std::string(c.page) + ".md"));
    document[Json::json_pointer(c.pointer)] = c.value;
    EXPECT_NE(schema_violation(document, schema(c.page)), "");
    const auto read = [&] {
      if (std::string(c.page) == "plan") plan_from_json(document, "p");
      if (std::string(c.page) == "cluster") cluster_from_json(document, "c", ".");
      if (std::string(c.page) == "profile") profile_from_json(document, "f");
    };
    EXPECT_THROW(read(), Error);
  }
}

}  // namespace
}  // namespace isthmus
