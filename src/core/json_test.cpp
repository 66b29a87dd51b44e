#include "core/json.h"

#include <gmock/gmock.h>

#include <cmath>

#include "core/file.h"

namespace isthmus {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

std::string message_for(const std::string& text, const std::string& name = "a.yaml") {
  return message_of([&] { parse_document(text, name); });
}

Json value_of(const std::string& scalar) { return parse_document("x: " + scalar, "a.yaml")["x"]; }

TEST(ParseDocument, TypesPlainScalarsByTheCoreSchema) {
  struct Case {
    const char* text;
    Json value;
  };
  for (const Case& c : {Case{"", nullptr},
                        Case{"~", nullptr},
                        Case{"null", nullptr},
                        Case{"true", true},
                        Case{"False", false},
                        Case{"yes", "yes"},
                        Case{"12", 12},
                        Case{"+12", 12},
                        Case{"-7", -7},
                        Case{"0x1F", 31},
                        Case{"0o17", 15},
                        Case{"007", 7},
                        Case{"1.5", 1.5},
                        Case{".5", 0.5},
                        Case{"1.", 1.0},
                        Case{"1e3", 1000.0},
                        Case{"1.5e-2", 0.015},
                        Case{"1e", "1e"},
                        Case{"1.2.3", "1.2.3"},
                        Case{"0x", "0x"},
                        Case{"0x-1", "0x-1"},
                        Case{"-a", "-a"},
                        Case{"+-1", "+-1"},
                        Case{"\"12\"", "12"},
                        Case{"'true'", "true"},
                        Case{"!!str 12", "12"},
                        Case{"10:30", "10:30"},
                        Case{"9223372036854775807", 9223372036854775807},
                        Case{"18446744073709551615", 18446744073709551615U},
                        Case{"1e400", INFINITY},
                        Case{"-.inf", -INFINITY}}) {
    SCOPED_TRACE(c.text);
    EXPECT_EQ(value_of(c.text), c.value);
    EXPECT_EQ(value_of(c.text).type(),
              c.value.type() == Json::value_t::number_unsigned && c.value < 9223372036854775808U
                  ? Json::value_t::number_integer
                  : c.value.type());
  }
  EXPECT_TRUE(std::isnan(value_of(".nan").get<double>()));
}

TEST(ParseDocument, KeepsTheOrderOfKeys) {
  const Json json = parse_document("b: 1\na: [x, {c: 2}]\n", "a.yaml");
  EXPECT_EQ(json.dump(), R"({"b":1,"a":["x",{"c":2}]})");
}

TEST(ParseDocument, ReadsJsonByContentAndFlowYamlToo) {
  EXPECT_EQ(parse_document(" {\"a\": [1, 2.0]}", "a").dump(), R"({"a":[1,2.0]})");
  EXPECT_EQ(parse_document("{a: [1, 2.0]}", "a").dump(), R"({"a":[1,2.0]})");
  EXPECT_TRUE(parse_document("", "a.yaml").is_null());
}

TEST(ParseDocument, NamesThePlaceOfAMistake) {
  EXPECT_THAT(message_for("a: 1\nb: [1, 2\nc: 3\n"), StartsWith("a.yaml:3:"));
  EXPECT_THAT(message_for("a: 1\na: 2\n"), StartsWith("a.yaml:2:1: this key is given twice: a"));
  EXPECT_THAT(message_for("{\"a\": 1,\n \"b\": x}", "a.json"),
              StartsWith("a.json:2:7: malformed JSON"));
  EXPECT_THAT(message_for("{\"a\": 1, \"a\": 2}", "a.json"), HasSubstr("given twice: a"));
  EXPECT_THAT(message_for("", "a.json"), HasSubstr("malformed JSON near: the end"));
  EXPECT_THAT(message_for("a: !!int 3"), HasSubstr("unsupported YAML tag"));
  EXPECT_THAT(message_for("a: 1\n---\nb: 2\n"), HasSubstr("more than one"));
}

TEST(ParseDocument, BoundsDepth) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  for (const char* name : {"a.json", "a.yaml", "a"}) {
    SCOPED_TRACE(name);
    EXPECT_EQ(message_for(nested(kMaxDocumentDepth), name), "no error");
    EXPECT_THAT(message_for(nested(kMaxDocumentDepth + 1), name), HasSubstr("nested deeper"));
    EXPECT_THAT(message_for(std::string(1'000'000, '['), name), StartsWith("a"));
  }
}

TEST(ParseDocument, RepeatsAnchorsWithinABound) {
  EXPECT_EQ(parse_document("a: &x {b: 1}\nc: [*x, *x]\n", "a.yaml").dump(),
            R"({"a":{"b":1},"c":[{"b":1},{"b":1}]})");
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string alias = "*a" + std::to_string(i - 1);
    std::string list = alias;
    for (int j = 1; j < 10; ++j) list += ", " + alias;
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + list + "]\n";
  }
  EXPECT_THAT(message_for(bomb), HasSubstr("100000 values"));
}

TEST(ParseDocument, ReadsObjectsOfManyKeysInLinearTime) {
  std::string text;
  for (int i = 0; i < 50'000; ++i) text += "\"k" + std::to_string(i) + "\": 1,";
  EXPECT_EQ(parse_document("{" + text + "\"end\": 2}", "a.json").size(), 50'001U);
}

TEST(ToYaml, IsReadBackAsItWas) {
  const Json document = {
      {"schema", "isthmus.plan/1"},
      {"number like", "12"},
      {"texts",
       {"", "true", "null", "a: b", "# no", "- x", "a b", "ü", "two\nlines", "x:", " y", ".5"}},
      {"numbers", {1, -2.5, 1e20, 3.0, 1e-7}},
      {"nested",
       {{{"name", "a"}, {"halo", {{1, 2}, {3, 4}}}}, {{"name", "b"}, {"more", Json::object()}}}},
      {"empty", Json::array()},
      {"mixed", {1, {{"a", {{"b", nullptr}}}}}}};
  const Json read = parse_document(to_yaml(document), "a.yaml");
  EXPECT_EQ(read, document) << to_yaml(document);
  EXPECT_EQ(read.dump(), document.dump());
  EXPECT_EQ(parse_document(to_yaml("12"), "a.yaml"), "12");
}

TEST(ToYaml, IsPleasantToRead) {
  EXPECT_EQ(
      to_yaml({{"machines", {{{"name", "camera"}, {"slowdown", 8}}, {{"name", "edge"}}}},
               {"route", {"camera", "edge"}}}),
      "machines:\n  - name: camera\n    slowdown: 8\n  - name: edge\nroute: [camera, edge]\n");
}

TEST(WriteDocument, ChoosesTheFormatByName) {
  const TemporaryFolder folder;
  for (const char* name : {"a.json", "a.yaml"}) {
    write_document(folder.path() / name, {{"a", {1, 2}}});
    EXPECT_EQ(read_document(folder.path() / name).dump(), R"({"a":[1,2]})");
  }
  EXPECT_EQ(read_file(folder.path() / "a.yaml"), "a: [1, 2]\n");
}

class FieldsOf : public testing::Test {
 protected:
  Json json_ = parse_document(
      "schema: isthmus.cluster/1\nmachines:\n  - {name: a, slowdown: fast}\n  - {name: b, "
      "slowdwon: 2}\n",
      "cluster.yaml");
  Fields fields_{json_, "cluster.yaml"};
};

TEST_F(FieldsOf, NamesThePlaceOfAMistake) {
  auto machines = fields_.objects("machines");
  ASSERT_EQ(machines.size(), 2U);
  EXPECT_EQ(message_of([&] { machines[0].number("slowdown"); }),
            "cluster.yaml: machines[0].slowdown must be a number: \"fast\"");
  EXPECT_EQ(message_of([&] { machines[0].number("memory"); }),
            "cluster.yaml: machines[0].memory is missing");
  EXPECT_EQ(message_of([&] { fields_.strings("machines"); }).substr(0, 48),
            "cluster.yaml: machines must be a list of texts: ");
}

TEST_F(FieldsOf, RefusesUnknownFieldsWithASuggestion) {
  auto machine = fields_.objects("machines")[1];
  EXPECT_EQ(machine.string("name"), "b");
  EXPECT_EQ(machine.number("slowdown", 1), 1);
  EXPECT_EQ(message_of([&] { machine.finish(); }),
            "cluster.yaml: machines[1].slowdwon is no known field (did you mean slowdown?)");
}

TEST_F(FieldsOf, ChecksTheSchema) {
  fields_.expect_schema("isthmus.cluster", 1);
  EXPECT_EQ(message_of([&] { fields_.expect_schema("isthmus.cluster", 2); }),
            "cluster.yaml: schema must be isthmus.cluster/2 for this program: isthmus.cluster/1");
}

TEST(Fields, ReadsEveryType) {
  const Json json = parse_document("s: x\nd: 2\ni: 1e6\nb: true\nl: [a, b]\no: {k: 1}\n", "a.yaml");
  Fields fields(json, "a.yaml");
  EXPECT_EQ(fields.string("s"), "x");
  EXPECT_EQ(fields.number("d"), 2);
  EXPECT_EQ(fields.integer("i"), 1'000'000);
  EXPECT_TRUE(fields.boolean("b"));
  EXPECT_THAT(fields.strings("l"), ElementsAre("a", "b"));
  EXPECT_EQ(fields.object("o").integer("k"), 1);
  EXPECT_EQ(fields.string("none", "default"), "default");
  EXPECT_TRUE(fields.objects("none").empty());
  fields.finish();
  EXPECT_THROW(Fields(json["l"], "a.yaml"), Error);
}

TEST(Fields, RefusesNumbersThatAreNotWhole) {
  const Json json = {{"half", 0.5}, {"large", 18446744073709551615U}, {"text", "1"}};
  Fields fields(json, "a.json");
  for (const char* key : {"half", "large", "text"}) EXPECT_THROW(fields.integer(key), Error);
}

}  // namespace
}  // namespace isthmus
