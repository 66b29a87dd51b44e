#include "split/classifier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "engine/engine.h"
#include "engine/random_tensor.h"
#include "split/fixture.h"
#include "zoo/zoo.h"

namespace isthmus {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Classifier, ReplacesTheLastLayerAlone) {
  const Graph teacher = build_network("resnet20");
  const Student student = make_classifier_student(teacher, {.classes = 7, .seed = 3});
  expect_student_stands_for(student, teacher);
  EXPECT_EQ(student.graph.outputs[0].value.shape, (Shape{-1, 7}));
  EXPECT_TRUE(student.bottleneck.empty());
  EXPECT_THAT(student.tail, ElementsAre("logits.bias.new", "logits.weight.new"));
  EXPECT_TRUE(student.decoder.empty());
  for (const std::string& name : student.encoder)
    EXPECT_TRUE(equal_bytes(student.graph.initializers.at(name), teacher.initializers.at(name)));
  const auto scores = make_engine(student.graph)
                          ->run(std::vector<Tensor>{random_tensor(DType::kF32, {1, 3, 32, 32}, 1)});
  EXPECT_EQ(scores.at(0).shape(), (Shape{1, 7}));
}

TEST(Classifier, KnowsTheWaysNetworksEnd) {
  // A convolution with pooling behind it, as SqueezeNet has it; a product and a sum.
  const Graph pooled = [] {
    GraphBuilder net("pooled");
    std::string x = net.conv(net.input("x", {-1, 3, 8, 8}), 10, {.bias = true, .name = "last"});
    net.output(net.flatten(net.global_average_pool(net.relu(x)), "scores"));
    return net.build();
  }();
  const Graph product = [] {
    GraphBuilder net("product");
    const std::string x =
        net.op("MatMul", {net.input("x", {-1, 12}), net.random_weight("w", {12, 10}, 1)});
    net.output(net.softmax(net.add(x, net.random_weight("b", {10}, 1)), -1, "scores"));
    return net.build();
  }();
  for (const Graph& teacher : {pooled, product}) {
    SCOPED_TRACE(teacher.name);
    const Student student = make_classifier_student(teacher, {.classes = 101});
    EXPECT_EQ(student.graph.outputs[0].value.shape, (Shape{-1, 101}));
    EXPECT_EQ(student.tail.size(), 2U);
    EXPECT_TRUE(student.encoder.empty());
  }
}

TEST(Classifier, RefusesWhatHasNoSuchLayer) {
  const auto message = [](const Graph& teacher, std::int64_t classes) -> std::string {
    try {
      make_classifier_student(teacher, {.classes = classes});
    } catch (const Error& error) {
      return error.what();
    }
    return "nothing was thrown";
  };
  const Graph chain = parse_graph_text("net (float[N, 4] x) => (float[N, 4] y) { y = Relu(x) }");
  EXPECT_THAT(message(chain, 5), HasSubstr("no layer with weights"));
  EXPECT_THAT(message(build_network("resnet20"), 1), HasSubstr("two classes or more"));
  const Graph two = parse_graph_text(
      "net (float[N, 4] x) => (float[N, 4] y, float[N, 4] z) { y = Relu(x) z = Neg(x) }");
  EXPECT_THAT(message(two, 5), HasSubstr("2 outputs"));
}

}  // namespace
}  // namespace isthmus
