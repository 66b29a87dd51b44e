#include "train/recipe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "support/json_schema.h"

namespace isthmus {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::filesystem::path format(const std::string& file) {
  return source_folder() / "docs/formats" / file;
}

// The least that a recipe says.
Json smallest() {
  return {{"schema", "isthmus.recipe/1"},
          {"teacher", "resnet"},
          {"data", {{"name", "signs"}}},
          {"student", {{"until", "layer2"}}},
          {"stages", {Json::object()}}};
}

Recipe parse(const Json& document) { return recipe_from_json(document, "r.yaml", "."); }

std::string refusal(const Json& document) {
  try {
    parse(document);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Recipe, ExampleOfTheDocumentsIsARecipe) {
  const Json schema = read_document(format("recipe.schema.json"));
  const Json example = yaml_block(format("recipe.md"));
  EXPECT_EQ(schema_violation(example, schema), "");
  const Recipe recipe = recipe_from_json(example, "recipe.md", ".");
  EXPECT_EQ(recipe.student.channels, 3);
  ASSERT_EQ(recipe.stages.size(), 2U);
  EXPECT_EQ(recipe.stages[0].optimizer.decay_epochs, 2);
  EXPECT_EQ(recipe.stages[1].loss.kind, LossKind::kDistillation);
  EXPECT_EQ(recipe.precision, Precision::kBf16);
  const Json written = to_json(recipe);
  EXPECT_EQ(schema_violation(written, schema), "");
  EXPECT_EQ(to_json(recipe_from_json(written, "again", ".")), written);
}

TEST(Recipe, EveryDefaultIsWrittenOut) {
  const Recipe recipe = parse(smallest());
  EXPECT_EQ(recipe.name, "r");
  EXPECT_EQ(recipe.data.test, "signs");
  EXPECT_EQ(recipe.stages[0].loss.kind, LossKind::kGhnd);
  EXPECT_THAT(recipe.stages[0].trains, ElementsAre("encoder", "decoder"));
  const Json written = to_json(recipe);
  EXPECT_EQ(written["stages"][0]["optimizer"]["batch"], 128);
  EXPECT_EQ(written["wire"]["codec"], "u8+rans");
}

TEST(Recipe, ATaskTrainsEverythingUnlessToldOtherwise) {
  Json document = smallest();
  document["stages"][0]["loss"]["kind"] = "cross_entropy";
  EXPECT_THAT(parse(document).stages[0].trains, ElementsAre("encoder", "decoder", "tail"));
  document["stages"][0]["trains"] = {"tail"};
  EXPECT_THAT(parse(document).stages[0].trains, ElementsAre("tail"));
}

TEST(Recipe, SoftWeightIsWhatTheHardOneLeaves) {
  Json document = smallest();
  document["stages"][0]["loss"] = {{"kind", "distillation"}, {"hard_weight", 0.3}};
  EXPECT_DOUBLE_EQ(parse(document).stages[0].loss.soft_weight, 0.7);
  document["stages"][0]["loss"]["soft_weight"] = 2;
  EXPECT_DOUBLE_EQ(parse(document).stages[0].loss.soft_weight, 2);
}

TEST(Recipe, ErrorsNameFileAndField) {
  struct Case {
    const char* pointer;
    Json value;
    const char* message;
  };
  const Case cases[] = {
      {"/schema", "isthmus.recipe/2", "r.yaml: schema must be isthmus.recipe/1"},
      {"/stages", Json::array(), "r.yaml: stages must list at least one"},
      {"/stages/0/loss", {{"kind", "gnhd"}}, "stages[0].loss.kind must be one of"},
      {"/stages/0/loss", {{"kind", "gnhd"}}, "did you mean ghnd?"},
      {"/stages/0/loss", {{"at", {"a"}}, {"weights", {1, 2}}}, "one number for each tensor"},
      {"/stages/0/loss", {{"kind", "sse"}, {"at", {"a", "b"}}}, "one tensor for sse"},
      {"/stages/0/loss", {{"temperature", 0}}, "temperature must be positive"},
      {"/stages/0/trains",
       {"head"},
       "stages[0].trains must be one of encoder, decoder, tail: head"},
      {"/stages/0/optimizer", {{"rate", -1}}, "optimizer.rate must be positive"},
      {"/stages/0/optimizer", {{"batch", 0}}, "optimizer.batch must be a whole number"},
      {"/stages/0/epoch", 3, "stages[0].epoch is no known field (did you mean epochs?)"},
      {"/data/augment", {"rotate"}, "data.augment must be one of crop, flip"},
      {"/data/validation", 1, "data.validation must be"},
      {"/student/kind", "encoder", "student.kind must be one of"},
      {"/student/until", "", "student.until is missing"},
      {"/wire", {{"codec", "u9"}}, "u9"},
      {"/wire", {{"codec", "jpeg:75"}}, "wire.codec must be f32, f16, u8 or u8+rans"},
      {"/cost", "cheap", "cost must be one of cpu, full"},
  };
  for (const Case& each : cases) {
    SCOPED_TRACE(each.pointer);
    Json document = smallest();
    document[Json::json_pointer(each.pointer)] = each.value;
    EXPECT_THAT(refusal(document), HasSubstr(each.message));
  }
}

TEST(Recipe, ANetworkFromScratchHasNoTeacher) {
  Json document = smallest();
  document["student"] = {{"kind", "network"}, {"model", "zoo:resnet20"}};
  EXPECT_THAT(refusal(document), HasSubstr("teacher must be left out"));
  document.erase("teacher");
  EXPECT_THAT(refusal(document), HasSubstr("must be cross_entropy"));
  document["stages"][0]["loss"]["kind"] = "cross_entropy";
  EXPECT_THAT(parse(document).stages[0].trains, ElementsAre("body"));
}

TEST(Recipe, ThoseOfTheRepositoryAreRecipes) {
  std::set<std::string> names;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(source_folder() / "recipes")) {
    if (entry.path().extension() != ".yaml") continue;
    SCOPED_TRACE(entry.path().filename());
    const Recipe recipe = read_recipe(entry.path());
    EXPECT_TRUE(names.insert(recipe.name).second) << "two are called " << recipe.name;
    EXPECT_FALSE(recipe.note.empty());
  }
  EXPECT_GE(names.size(), 4U);
}

}  // namespace
}  // namespace isthmus
