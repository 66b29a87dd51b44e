#include "engine/engine_error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isthmus {
namespace {

TEST(EngineError, IsOneLineThatNamesNodeAndOperator) {
  struct Case {
    const char* library;
    ErrorKind kind;
    const char* ours;
  };
  for (const Case& c : {
           Case{
               "Non-zero status code returned while running MatMul node. Name:'n0' Status Message: "
               "matmul_helper.h:59 Compute MatMul dimension mismatch",
               ErrorKind::kInvalid, "net: node n0 (MatMul): Compute MatMul dimension mismatch"},
           Case{
               "This is an invalid model. In Node, (\"n0\", Foo, \"\", -1) : (\"x\": "
               "tensor(float),) -> "
               "(\"y\": tensor(float),) , Error No Op registered for Foo with domain_version of 13",
               ErrorKind::kUnsupported,
               "net: node n0 (Foo): No Op registered for Foo with domain_version of 13"},
           Case{"Node (n0) Op (MatMul) [ShapeInferenceError] Incompatible dimensions",
                ErrorKind::kInvalid,
                "net: node n0 (MatMul): [ShapeInferenceError] Incompatible dimensions"},
           Case{"Could not find an implementation for Sin(7) node with name 's'",
                ErrorKind::kUnsupported,
                "net: node s (Sin): ONNX Runtime has not got version 7 of it for these types"},
           Case{"Fatal error: com.acme:Foo(-1) is not a registered function/op",
                ErrorKind::kUnsupported,
                "net: operator com.acme.Foo: ONNX Runtime has no such operator"},
           Case{"Load model failed:\n  file ends too early\n", ErrorKind::kInvalid,
                "net: Load model failed:   file ends too early"},
       }) {
    SCOPED_TRACE(c.library);
    const Error error = engine_error(c.library, "net", nullptr);
    EXPECT_STREQ(error.what(), c.ours);
    EXPECT_EQ(error.kind(), c.kind);
  }
}

TEST(EngineError, FindsTheNodeOfAnOperatorInTheGraph) {
  Graph graph;
  graph.nodes.push_back({.name = "a", .op = "Foo"});
  graph.nodes.push_back({.name = "b", .op = "Foo", .domain = "com.acme"});
  const Error error =
      engine_error("Fatal error: com.acme:Foo(-1) is not a registered function/op", "net", &graph);
  EXPECT_THAT(error.what(), testing::HasSubstr("node b (com.acme.Foo)"));
}

TEST(EngineError, SaysWhichVersionToSave) {
  EXPECT_STREQ(
      engine_error("Failed to load model with error: model.cc:180 Model() Unsupported model IR "
                   "version: 11, max supported IR version: 10\n",
                   "net", nullptr)
          .what(),
      "net: IR version 11 is newer than this ONNX Runtime takes (10): save the model with "
      "ir_version 10 or lower");
  EXPECT_STREQ(
      engine_error("Opset 99 is under development and support for this is limited. Current "
                   "official support for domain ai.onnx is till opset 22.\n",
                   "net", nullptr)
          .what(),
      "net: opset 99 of domain ai.onnx is newer than this ONNX Runtime takes (22): export the "
      "model for opset 22 or lower");
}

TEST(EngineError, BoundsWhatItReads) {
  const std::string endless(1'000'000, '(');
  EXPECT_LT(std::string(engine_error(endless, "net", nullptr).what()).size(), 2000U);
}

}  // namespace
}  // namespace isthmus
