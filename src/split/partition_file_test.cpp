#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "graph/builder.h"
#include "split/cut.h"
#include "split/partition.h"
#include "support/json_schema.h"

namespace isthmus {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

Partition some_partition() {
  GraphBuilder net("net");
  const std::string x =
      net.relu(net.conv(net.input("x", {-1, 3, 8, 8}), 4, {.kernel = {3}}), "middle");
  net.output(net.gemm(net.flatten(net.global_average_pool(x)), 2, "logits"));
  const std::vector<std::string> cut = {"middle"};
  return cut_graph(net.build(), cut);
}

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder))
    names.push_back(entry.path().filename().string());
  std::ranges::sort(names);
  return names;
}

void replace_in(const fs::path& file, const std::string& from, const std::string& to) {
  std::string text = read_file(file);
  const auto at = text.find(from);
  ASSERT_NE(at, std::string::npos) << text;
  text.replace(at, from.size(), to);
  write_file(file, text);
}

Error load_error(const fs::path& folder) {
  try {
    load_partition(folder);
  } catch (const Error& e) {
    return e;
  }
  ADD_FAILURE() << "nothing was thrown";
  return {ErrorKind::kIo, ""};
}

TEST(PartitionFile, ComesBackAsItWasSaved) {
  const TemporaryFolder folder;
  Partition partition = some_partition();
  partition.lossless = false;
  save_partition(partition, folder.path() / "split");
  EXPECT_THAT(names_in(folder.path() / "split"),
              testing::ElementsAre("head.onnx", "partition.yaml", "tail.onnx"));
  const StoredPartition stored = load_partition(folder.path() / "split");
  EXPECT_EQ(stored.partition.name, "net");
  EXPECT_FALSE(stored.partition.lossless);
  EXPECT_EQ(stored.partition.edges, partition.edges);
  EXPECT_TRUE(stored.whole.empty());
  ASSERT_EQ(stored.partition.parts.size(), 2U);
  for (std::size_t i = 0; i < 2; ++i)
    EXPECT_EQ(to_onnx(stored.partition.parts[i].graph), to_onnx(partition.parts[i].graph));
}

TEST(PartitionFile, KeepsThePublishedSchemaAsItsExampleDoes) {
  const fs::path formats = source_folder() / "docs/formats";
  const Json schema = read_document(formats / "partition.schema.json");
  EXPECT_EQ(schema_violation(yaml_block(formats / "partition.md"), schema), "");
  const TemporaryFolder folder;
  save_partition(some_partition(), folder.path() / "split", "zoo:resnet20");
  EXPECT_EQ(schema_violation(read_document(folder.path() / "split" / "partition.yaml"), schema),
            "");
}

TEST(PartitionFile, RemembersWhereTheWholeLies) {
  const TemporaryFolder folder;
  const fs::path model = folder.path() / "a" / "net.onnx";
  save_graph(some_partition().parts[0].graph, model);
  save_partition(some_partition(), folder.path() / "a" / "split", model);
  EXPECT_EQ(load_partition(folder.path() / "a" / "split").whole, model);
  // Both move together.
  fs::rename(folder.path() / "a", folder.path() / "b");
  EXPECT_EQ(load_partition(folder.path() / "b" / "split").whole, folder.path() / "b" / "net.onnx");
  // Only the partition moves.
  save_partition(some_partition(), folder.path() / "far" / "split", "/models/net.onnx");
  EXPECT_EQ(load_partition(folder.path() / "far" / "split").whole, "/models/net.onnx");
  save_partition(some_partition(), folder.path() / "zoo", "zoo:resnet20");
  EXPECT_EQ(load_partition(folder.path() / "zoo").whole, "zoo:resnet20");
}

TEST(PartitionFile, ReplacesAPartitionButNothingElse) {
  const TemporaryFolder folder;
  save_partition(some_partition(), folder.path() / "split");
  write_file(folder.path() / "split" / "stale.txt", std::string_view("old"));
  save_partition(some_partition(), folder.path() / "split");
  EXPECT_THAT(names_in(folder.path() / "split"),
              testing::ElementsAre("head.onnx", "partition.yaml", "tail.onnx"));
  write_file(folder.path() / "photos" / "cat.jpg", std::string_view("cat"));
  EXPECT_THROW(save_partition(some_partition(), folder.path() / "photos"), Error);
  EXPECT_THROW(save_partition(some_partition(), folder.path() / "photos" / "cat.jpg"), Error);
  EXPECT_THAT(names_in(folder.path() / "photos"), testing::ElementsAre("cat.jpg"));
}

TEST(PartitionFile, LeavesNothingBehindWhenItFails) {
  const TemporaryFolder folder;
  Partition bad = some_partition();
  bad.parts[1].name = "../tail";
  for (Edge& edge : bad.edges) {
    if (edge.from_part == "tail") edge.from_part = "../tail";
    if (edge.to_part == "tail") edge.to_part = "../tail";
  }
  EXPECT_THROW(save_partition(bad, folder.path() / "split"), Error);
  EXPECT_TRUE(fs::is_empty(folder.path()));
  EXPECT_THROW(save_partition(some_partition(), "/proc/split"), Error);
}

TEST(PartitionFile, NamesWhatIsWrong) {
  struct Case {
    const char* message;
    ErrorKind kind;
    std::function<void(const fs::path&)> spoil;
  };
  const auto flip_a_byte = [](const fs::path& folder) {
    std::string bytes = read_file(folder / "tail.onnx");
    bytes[bytes.size() / 2] ^= 1;
    write_file(folder / "tail.onnx", bytes);
  };
  const auto edit = [](const char* from, const char* to) {
    return [from, to](const fs::path& folder) { replace_in(folder / "partition.yaml", from, to); };
  };
  for (const Case& c : {
           Case{"tail.onnx has SHA-256 ", ErrorKind::kInvalid, flip_a_byte},
           Case{"part tail is missing: ", ErrorKind::kNotFound,
                [](const fs::path& folder) { fs::remove(folder / "tail.onnx"); }},
           Case{"is no partition: it has no partition.yaml", ErrorKind::kNotFound,
                [](const fs::path& folder) { fs::remove(folder / "partition.yaml"); }},
           Case{"must be a file name without folders", ErrorKind::kInvalid,
                edit("file: tail.onnx", "file: ../tail.onnx")},
           Case{"isthmus.partition", ErrorKind::kInvalid,
                edit("isthmus.partition/1", "isthmus.partition/9")},
           Case{"lossles", ErrorKind::kInvalid, edit("lossless: true", "lossles: true")},
           Case{"part tail has no input middel (did you mean middle?)", ErrorKind::kInvalid,
                edit("to_tensor: middle", "to_tensor: middel")},
       }) {
    SCOPED_TRACE(c.message);
    const TemporaryFolder folder;
    save_partition(some_partition(), folder.path() / "split");
    c.spoil(folder.path() / "split");
    const Error error = load_error(folder.path() / "split");
    EXPECT_EQ(error.kind(), c.kind);
    EXPECT_THAT(error.what(), HasSubstr(c.message));
  }
}

TEST(PartitionFile, IsNotThere) {
  EXPECT_EQ(load_error("/nowhere/split").kind(), ErrorKind::kNotFound);
}

}  // namespace
}  // namespace isthmus
