#include "data/model_card.h"

#include <gmock/gmock.h>

#include "core/error.h"
#include "core/file.h"

namespace isthmus {
namespace {

class CardOf : public testing::Test {
 protected:
  ModelCard read(const std::string& json) {
    write_file(folder_.path() / "net.json", json);
    return read_model_card(folder_.path() / "net.onnx");
  }
  TemporaryFolder folder_;
};

TEST_F(CardOf, IsAssumedWhenThereIsNone) {
  const ModelCard card = read_model_card(folder_.path() / "none.onnx");
  EXPECT_TRUE(card.assumed);
  EXPECT_EQ(card.normalization, Normalization{});
}

TEST_F(CardOf, SaysSizeClassesAndAccuracy) {
  const ModelCard card = read(R"({"dataset": "cifar10", "input": "NCHW RGB float32, 32x32, x/255",
    "scale": 0.00392156862745098, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225],
    "classes": ["airplane", "automobile"], "measured_on": "CIFAR-10 test_batch.bin, 10000 images",
    "measured_top1": 91.73, "licence": "BSD-2-Clause"})");
  EXPECT_FALSE(card.assumed);
  EXPECT_EQ(card.dataset, "cifar10");
  EXPECT_EQ(card.width, 32);
  EXPECT_THAT(card.classes, testing::ElementsAre("airplane", "automobile"));
  EXPECT_FLOAT_EQ(card.normalization.scale, 1.0F / 255);
  EXPECT_FLOAT_EQ(card.normalization.std[2], 0.225F);
  EXPECT_DOUBLE_EQ(card.measured_top1, 0.9173);
  EXPECT_EQ(card.measured_images, 10'000);
}

TEST_F(CardOf, TakesAMeanInPixelsWithoutTheScale) {
  const ModelCard card = read(R"({"input_size": [224, 200], "scale": 0.00784313725490196,
    "mean": [127.5, 127.5, 127.5], "std": [127.5, 127.5, 127.5],
    "classes": "1000 classes; synset_words.txt of the imagenet-nowhere set",
    "measured": {"some sample": {"top1": 79.77, "n": 1300}}})");
  EXPECT_EQ(card.normalization.scale, 1);
  EXPECT_EQ(card.height, 224);
  EXPECT_EQ(card.width, 200);
  EXPECT_EQ(card.dataset, "imagenet-nowhere");
  EXPECT_TRUE(card.classes.empty());
  EXPECT_DOUBLE_EQ(card.measured_top1, 0.7977);
  EXPECT_EQ(card.measured_images, 1300);
}

TEST_F(CardOf, IsReadBackAsWritten) {
  ModelCard card{.dataset = "signs",
                 .classes = {"a", "b"},
                 .width = 96,
                 .height = 64,
                 .resize = 70,
                 .normalization = {.scale = 0.5F, .mean = {0.1F, 0.2F, 0.3F}, .std = {1, 2, 3}},
                 .measured_top1 = 0.75,
                 .measured_images = 400,
                 .measured_on = "signs test"};
  write_model_card(folder_.path() / "net.onnx", card);
  const ModelCard read = read_model_card(folder_.path() / "net.onnx");
  EXPECT_FALSE(read.assumed);
  EXPECT_EQ(read.classes, card.classes);
  EXPECT_EQ(read.width, 96);
  EXPECT_EQ(read.resize, 70);
  EXPECT_EQ(read.normalization, card.normalization);
  EXPECT_DOUBLE_EQ(read.measured_top1, 0.75);
  EXPECT_EQ(read.measured_on, "signs test");
}

TEST_F(CardOf, RefusesDamagedCards) {
  for (const char* bad :
       {"[]", R"({"mean": [1, 2]})", R"({"std": [1, 0, 1]})", R"({"input_size": [0, 3]})",
        R"({"input_size": 32})", R"({"scale": "x"})", R"({"classes": [1]})", R"({"resize": -1})"}) {
    SCOPED_TRACE(bad);
    EXPECT_THROW(read(bad), Error);
  }
}

}  // namespace
}  // namespace isthmus
