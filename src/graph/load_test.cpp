#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <filesystem>
#include <fstream>

#include "core/error.h"
#include "core/file.h"
#include "graph/builder.h"
#include "graph/graph.h"

namespace isthmus {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string message_of(const std::function<void()>& action, ErrorKind kind) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

Graph small_graph() {
  GraphBuilder net("small");
  std::string x = net.input("image", {-1, 3, 8, 8});
  x = net.relu(net.batch_norm(net.conv(x, 4, {.kernel = {3}, .pad = {1}})));
  x = net.gemm(net.flatten(net.global_average_pool(x)), 5, "logits");
  net.output(x);
  return net.build();
}

onnx::ModelProto small_model() {
  onnx::ModelProto model;
  model.ParseFromString(to_onnx(small_graph()));
  return model;
}

Graph parsed(const onnx::ModelProto& model) { return parse_graph(model.SerializeAsString(), "m"); }

TEST(LoadGraph, GivesBackWhatWasSaved) {
  const Graph graph = small_graph();
  const Graph again = parse_graph(to_onnx(graph), "again");
  EXPECT_EQ(to_onnx(again), to_onnx(graph));
  ASSERT_EQ(again.nodes.size(), graph.nodes.size());
  EXPECT_EQ(again.inputs[0].value.symbols[0], "batch");
  EXPECT_EQ(again.outputs[0].value.shape, (Shape{-1, 5}));
  const auto before = graph.initializers.at("Conv_0.weight").tensor.values<float>();
  const auto after = again.initializers.at("Conv_0.weight").tensor.values<float>();
  EXPECT_TRUE(std::ranges::equal(before, after));
}

TEST(LoadGraph, KeepsWhatItDoesNotUnderstand) {
  onnx::ModelProto model = small_model();
  model.set_producer_name("someone");
  model.set_doc_string("a model");
  auto& property = *model.add_metadata_props();
  property.set_key("labels");
  property.set_value("cat,dog");
  auto& function = *model.add_functions();
  function.set_name("Twice");
  function.set_domain("custom");
  auto& custom = *model.add_opset_import();
  custom.set_domain("custom");
  custom.set_version(3);
  auto& graph = *model.mutable_graph();
  graph.set_doc_string("a graph");
  graph.mutable_node(0)->set_doc_string("a node");
  graph.mutable_node(0)->mutable_attribute(0)->set_doc_string("an attribute");
  graph.mutable_input(0)->set_doc_string("an input");
  graph.mutable_input(0)
      ->mutable_type()
      ->mutable_tensor_type()
      ->mutable_shape()
      ->mutable_dim(0)
      ->set_denotation("DATA_BATCH");
  graph.mutable_initializer(0)->set_doc_string("a weight");
  auto& node = *graph.add_node();
  node.set_op_type("Strange");
  node.set_domain("custom");
  node.add_input("logits");
  node.add_output("strange");
  auto& attribute = *node.add_attribute();
  attribute.set_name("type");
  attribute.set_type(onnx::AttributeProto::TYPE_PROTO);
  attribute.mutable_tp()->mutable_sequence_type();
  graph.add_output()->set_name("strange");
  graph.mutable_output(1)
      ->mutable_type()
      ->mutable_sequence_type()
      ->mutable_elem_type()
      ->mutable_tensor_type()
      ->set_elem_type(1);
  auto& words = *graph.add_initializer();
  words.set_name("words");
  words.set_data_type(onnx::TensorProto::STRING);
  words.add_dims(1);
  words.add_string_data("hello");

  onnx::ModelProto saved;
  const std::string bytes = to_onnx(parsed(model));
  ASSERT_TRUE(saved.ParseFromString(bytes));
  EXPECT_EQ(to_onnx(parse_graph(bytes, "again")), bytes);
  EXPECT_EQ(saved.producer_name(), "someone");
  EXPECT_EQ(saved.doc_string(), "a model");
  EXPECT_EQ(saved.metadata_props(0).value(), "cat,dog");
  EXPECT_EQ(saved.functions(0).name(), "Twice");
  EXPECT_EQ(saved.graph().doc_string(), "a graph");
  EXPECT_EQ(saved.graph().node(0).doc_string(), "a node");
  EXPECT_EQ(saved.graph().node(0).attribute(0).doc_string(), "an attribute");
  EXPECT_EQ(saved.graph().input(0).doc_string(), "an input");
  const auto& batch = saved.graph().input(0).type().tensor_type().shape().dim(0);
  EXPECT_EQ(batch.denotation(), "DATA_BATCH");
  EXPECT_EQ(batch.dim_param(), "batch");
  EXPECT_TRUE(saved.graph().output(1).type().has_sequence_type());
  const auto& last = saved.graph().node(saved.graph().node_size() - 1);
  EXPECT_EQ(last.domain(), "custom");
  EXPECT_TRUE(last.attribute(0).tp().has_sequence_type());
  bool has_words = false;
  bool has_doc = false;
  for (const auto& tensor : saved.graph().initializer()) {
    has_words |= tensor.name() == "words" && tensor.string_data(0) == "hello";
    has_doc |= tensor.doc_string() == "a weight";
  }
  EXPECT_TRUE(has_words);
  EXPECT_TRUE(has_doc);
}

TEST(LoadGraph, KeepsFieldsOfLaterVersionsOfOnnx) {
  onnx::ModelProto model = small_model();
  model.set_ir_version(10);
  model.mutable_opset_import(0)->set_version(22);
  // Field 9 of NodeProto is metadata_props from IR 10 on: one entry, "k" -> "v".
  const std::string entry = "\x0a\x01k\x12\x01v";
  model.mutable_graph()->mutable_node(0)->mutable_unknown_fields()->AddLengthDelimited(9, entry);
  const std::string bytes = to_onnx(parsed(model));
  EXPECT_THAT(bytes, HasSubstr("\x4a\x06" + entry));
  EXPECT_EQ(to_onnx(parse_graph(bytes, "again")), bytes);
}

TEST(LoadGraph, ReadsTypedDataFieldsLikeRawOnes) {
  onnx::ModelProto model = small_model();
  auto& bias = *model.mutable_graph()->mutable_initializer(0);
  ASSERT_EQ(bias.data_type(), onnx::TensorProto::FLOAT);
  const Tensor expected = parsed(model).initializers.at(bias.name()).tensor;
  bias.clear_raw_data();
  for (const float value : expected.values<float>()) bias.add_float_data(value);
  const Tensor read = parsed(model).initializers.at(bias.name()).tensor;
  EXPECT_TRUE(std::ranges::equal(read.bytes(), expected.bytes()));
}

TEST(LoadGraph, TakesInitializersOutOfTheInputsAndListsThemAgainForOldFiles) {
  onnx::ModelProto model = small_model();
  model.set_ir_version(3);
  for (const auto& tensor : model.graph().initializer()) {
    auto& input = *model.mutable_graph()->add_input();
    input.set_name(tensor.name());
    input.mutable_type()->mutable_tensor_type()->set_elem_type(tensor.data_type());
  }
  const Graph graph = parsed(model);
  ASSERT_EQ(graph.inputs.size(), 1U);
  EXPECT_EQ(graph.inputs[0].name, "image");
  onnx::ModelProto saved;
  saved.ParseFromString(to_onnx(graph));
  EXPECT_EQ(saved.graph().input_size(), 1 + saved.graph().initializer_size());
}

TEST(LoadGraph, SortsNodesAndKeepsTheirOrderOtherwise) {
  onnx::ModelProto model = small_model();
  const Graph sorted = parsed(model);
  auto& nodes = *model.mutable_graph()->mutable_node();
  nodes.SwapElements(0, nodes.size() - 1);
  const Graph graph = parsed(model);
  ASSERT_EQ(graph.nodes.size(), sorted.nodes.size());
  for (std::size_t i = 0; i < graph.nodes.size(); ++i)
    EXPECT_EQ(graph.nodes[i].name, sorted.nodes[i].name);
}

TEST(LoadGraph, GivesEveryNodeAUniqueName) {
  const Graph graph = parse_graph_text(
      "net (float[N, 2] x) => (float[N, 2] y) { a = Relu(x) b = Relu(a) y = Add(b, a) }");
  std::vector<std::string> names;
  for (const Node& node : graph.nodes) names.push_back(node.name);
  EXPECT_THAT(names, ElementsAre("Relu_0", "Relu_1", "Add_2"));
}

TEST(LoadGraph, FindsWhatTheBodiesOfControlFlowRead) {
  const Graph graph = parse_graph_text(R"(
    net (float[N, 2] x, bool c) => (float[N, 2] y) {
      a = Relu(x)
      y = If (c) <
        then_branch = g1 () => (float[N, 2] t) { t = Abs(a) },
        else_branch = g2 () => (float[N, 2] e) { e = Neg(a) } >
    })");
  ASSERT_EQ(graph.nodes.size(), 2U);
  EXPECT_THAT(graph.nodes[1].captures, ElementsAre("a"));
  EXPECT_THAT(graph.nodes[1].needs(), ElementsAre("c", "a"));
  const GraphIndex index(graph);
  EXPECT_THAT(index.consumers.at("a"), ElementsAre(1U));
}

struct BadGraph {
  const char* text;
  const char* expected;
};

TEST(LoadGraph, NamesWhatIsWrongInAGraph) {
  const BadGraph cases[] = {
      {"n (float[2] x) => (float[2] y) { y = Add(x, z) }",
       "node Add_0 (Add) takes tensor z, which nothing makes"},
      {"n (float[2] x) => (float[2] y) { a = Add(x, b) b = Relu(a) y = Relu(b) }", "a cycle"},
      {"n (float[2] x) => (float[2] y) { y = Relu(x) y = Abs(x) }",
       "node Abs_1 (Abs) makes tensor y, which node Relu_0 (Relu) makes too"},
      {"n (float[2] x) => (float[2] y) { x = Relu(x) y = Relu(x) }", "is an input of the graph"},
      {"n (float[2] x) => (float[2] z) { y = Relu(x) }", "nothing makes the output z"},
      {"n (float[2] x, float[2] x) => (float[2] y) { y = Relu(x) }", "input x is given twice"},
  };
  for (const BadGraph& bad : cases) {
    SCOPED_TRACE(bad.text);
    const auto message = message_of([&] { parse_graph_text(bad.text); }, ErrorKind::kInvalid);
    EXPECT_THAT(message, HasSubstr(bad.expected));
  }
}

TEST(LoadGraph, NamesTheNodeOnACycleAndNotOneBehindIt) {
  const auto message = message_of(
      [] {
        parse_graph_text(
            "n (float[2] x) => (float[2] y) { y = Relu(b) a = Add(x, b) b = Tanh(a) }");
      },
      ErrorKind::kInvalid);
  EXPECT_THAT(message, testing::AnyOf(HasSubstr("Add_1"), HasSubstr("Tanh_2")));
}

TEST(LoadGraph, RefusesWhatIsNoModel) {
  const TemporaryFolder folder;
  const std::string good = to_onnx(small_graph());
  const auto write = [&](const std::string& name, const std::string& content) {
    const auto file = folder.path() / name;
    std::ofstream(file, std::ios::binary) << content;
    return file;
  };
  struct Case {
    std::filesystem::path file;
    ErrorKind kind;
    const char* expected;
  };
  const Case cases[] = {
      {folder.path() / "none.onnx", ErrorKind::kNotFound, "there is no file"},
      {folder.path(), ErrorKind::kInvalid, "is a folder"},
      {write("empty.onnx", ""), ErrorKind::kInvalid, "the file is empty"},
      {write("text.onnx", "hello, this is text"), ErrorKind::kInvalid, "not an ONNX model"},
      {write("png.onnx", "\x89PNG\r\n\x1a\n0000000"), ErrorKind::kInvalid, "not an ONNX model"},
      {write("cut.onnx", good.substr(0, good.size() / 2)), ErrorKind::kInvalid, "truncated"},
      {write("lfs.onnx", "version https://git-lfs.github.com/spec/v1\noid sha256:00\n"),
       ErrorKind::kInvalid, "git lfs pull"},
  };
  for (const Case& bad : cases) {
    SCOPED_TRACE(bad.file);
    const auto message = message_of([&] { load_graph(bad.file); }, bad.kind);
    EXPECT_THAT(message, HasSubstr(bad.expected));
    EXPECT_THAT(message, HasSubstr(bad.file.string()));
  }
}

TEST(LoadGraph, RefusesEveryTruncationWithoutHarm) {
  const std::string good = to_onnx(small_graph());
  for (std::size_t size = 0; size < good.size(); size += 7) {
    try {
      parse_graph(good.substr(0, size), "m");
      ADD_FAILURE() << "read a model from " << size << " of " << good.size() << " bytes";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kInvalid);
    }
  }
}

TEST(LoadGraph, RefusesExtentsThatTheDataDoesNotFillBeforeItTakesMemory) {
  onnx::ModelProto model = small_model();
  auto& tensor = *model.mutable_graph()->mutable_initializer(0);
  for (const std::int64_t extent :
       {std::int64_t{1} << 40, std::int64_t{1} << 62, std::int64_t{-4}}) {
    SCOPED_TRACE(extent);
    tensor.clear_dims();
    tensor.add_dims(extent);
    tensor.add_dims(4);
    const auto message = message_of([&] { parsed(model); }, ErrorKind::kInvalid);
    EXPECT_THAT(message, HasSubstr("initializer " + tensor.name()));
  }
  tensor.set_raw_data("");
  tensor.clear_raw_data();
  message_of([&] { parsed(model); }, ErrorKind::kInvalid);
}

TEST(SaveGraph, PutsBigModelsIntoTwoFilesAndReadsThemBack) {
  GraphBuilder net("wide");
  net.output(net.gemm(net.input("x", {-1, 64}), 64, "y"));
  const Graph graph = net.build();
  const TemporaryFolder folder;
  const auto file = folder.path() / "deep" / "wide.onnx";
  save_graph(graph, file, /*external_above=*/100);
  EXPECT_TRUE(std::filesystem::exists(file.string() + ".data"));
  EXPECT_LT(std::filesystem::file_size(file), 4096U);
  EXPECT_EQ(to_onnx(load_graph(file)), to_onnx(graph));
  const auto message =
      message_of([&] { parse_graph(read_file(file), "wide"); }, ErrorKind::kInvalid);
  EXPECT_THAT(message, HasSubstr("wide.onnx.data"));
  save_graph(graph, folder.path() / "one.onnx");
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "one.onnx.data"));
}

// A model whose first initializer lies in `location`.
std::string external_model(const std::string& location, const std::string& offset,
                           const std::string& length) {
  onnx::ModelProto model = small_model();
  auto& tensor = *model.mutable_graph()->mutable_initializer(0);
  tensor.clear_raw_data();
  tensor.set_data_location(onnx::TensorProto::EXTERNAL);
  const auto add = [&](const char* key, const std::string& value) {
    if (value.empty()) return;
    auto& entry = *tensor.add_external_data();
    entry.set_key(key);
    entry.set_value(value);
  };
  add("location", location);
  add("offset", offset);
  add("length", length);
  return model.SerializeAsString();
}

TEST(ExternalData, IsReadFromTheModelsFolderOnly) {
  const TemporaryFolder folder;
  const auto models = folder.path() / "models";
  std::filesystem::create_directories(models);
  std::ofstream(folder.path() / "secret") << std::string(4096, 's');
  std::ofstream(models / "weights") << std::string(4096, 'w');
  std::filesystem::create_symlink(folder.path() / "secret", models / "link");
  struct Case {
    std::string location;
    const char* expected;
  };
  const Case cases[] = {
      {"../secret", "must lie in the model's folder"},
      {(folder.path() / "secret").string(), "must lie in the model's folder"},
      {"link", "must lie in the model's folder"},
      {"sub/../../secret", "must lie in the model's folder"},
      {"missing", "lies in a file that is missing"},
      {"", "names no file"},
  };
  for (const Case& bad : cases) {
    SCOPED_TRACE(bad.location);
    try {
      parse_graph(external_model(bad.location, "", ""), "m", models);
      ADD_FAILURE() << "was read";
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr(bad.expected));
    }
  }
  EXPECT_NO_THROW(parse_graph(external_model("weights", "", ""), "m", models));
}

TEST(ExternalData, MustFillTheTensorWithinTheFile) {
  const TemporaryFolder folder;
  std::ofstream(folder.path() / "weights") << std::string(64, 'w');
  struct Case {
    const char* offset;
    const char* length;
    const char* expected;
  };
  // The first initializer is a bias of four floats.
  const Case cases[] = {
      {"60", "", "past the end"},
      {"99999999999", "16", "past the end"},
      {"18446744073709551615", "16", "past the end"},
      {"0", "999999999999", "past the end"},
      {"0", "8", "8 bytes do not hold 4"},
      {"x", "", "not a number"},
      {"-1", "", "not a number"},
  };
  for (const Case& bad : cases) {
    SCOPED_TRACE(std::string(bad.offset) + " " + bad.length);
    const auto message = message_of(
        [&] { parse_graph(external_model("weights", bad.offset, bad.length), "m", folder.path()); },
        ErrorKind::kInvalid);
    EXPECT_THAT(message, HasSubstr(bad.expected));
  }
  EXPECT_NO_THROW(parse_graph(external_model("weights", "48", "16"), "m", folder.path()));
}

}  // namespace
}  // namespace isthmus
