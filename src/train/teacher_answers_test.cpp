#include "train/teacher_answers.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "graph/builder.h"

namespace isthmus {
namespace {

constexpr std::int64_t kImages = 6;
constexpr std::int64_t kMuch = 1 << 20;

class TeacherAnswersTest : public testing::Test {
 protected:
  static Graph network() {
    GraphBuilder net("teacher", {.seed = 1});
    const std::string x = net.input("input", {-1, 3, 8, 8});
    const std::string y = net.relu(net.conv(x, 4, {.kernel = {3}, .pad = {1}}), "features");
    net.output(net.gemm(net.flatten(net.global_average_pool(y)), 5, "logits"));
    return net.build();
  }

  TorchValues input(std::span<const std::int64_t> indices) const {
    torch::Tensor batch = torch::stack(torch::TensorList([&] {
      std::vector<torch::Tensor> rows;
      for (const std::int64_t index : indices) rows.push_back(images_[index]);
      return rows;
    }()));
    return {{"input", batch}};
  }

  // Answers to a batch, against those of a teacher that keeps nothing.
  void expect_right(TeacherAnswers& answers, const std::vector<std::int64_t>& indices) {
    const TorchValues expected = teacher_.forward(input(indices), tensors_);
    // A look-up needs no images.
    const TorchValues found = answers.of(indices, answers.keeps() ? TorchValues() : input(indices));
    for (const std::string& name : tensors_)
      EXPECT_TRUE(at::allclose(found.at(name), expected.at(name), 1e-6, 1e-6)) << name;
  }

  TorchGraph teacher_{network()};
  std::vector<std::string> tensors_ = {"features", "logits"};
  torch::Tensor images_ = torch::rand({kImages, 3, 8, 8});
};

TEST_F(TeacherAnswersTest, AreKeptForEveryImage) {
  TeacherAnswers answers(teacher_, tensors_, kImages, kMuch);
  answers.of(std::vector<std::int64_t>{0, 1, 2}, input(std::vector<std::int64_t>{0, 1, 2}));
  EXPECT_TRUE(answers.keeps());
  answers.of(std::vector<std::int64_t>{5, 4, 3}, input(std::vector<std::int64_t>{5, 4, 3}));
  expect_right(answers, {3, 0, 5});
}

TEST_F(TeacherAnswersTest, AreComputedForImagesNotSeenYet) {
  TeacherAnswers answers(teacher_, tensors_, kImages, kMuch);
  answers.of(std::vector<std::int64_t>{0, 1}, input(std::vector<std::int64_t>{0, 1}));
  const std::vector<std::int64_t> mixed = {1, 2};
  const TorchValues found = answers.of(mixed, input(mixed));
  EXPECT_TRUE(at::allclose(found.at("logits"),
                           teacher_.forward(input(mixed), {"logits"}).at("logits"), 1e-6, 1e-6));
}

TEST_F(TeacherAnswersTest, AreNotKeptBeyondTheMemoryGiven) {
  // 4 x 8 x 8 and 5 floats an image.
  constexpr std::int64_t kBytes = kImages * (256 + 5) * 4;
  TeacherAnswers fits(teacher_, tensors_, kImages, kBytes);
  TeacherAnswers large(teacher_, tensors_, kImages, kBytes - 1);
  TeacherAnswers never(teacher_, tensors_, 0, kMuch);
  for (TeacherAnswers* answers : {&fits, &large, &never})
    answers->of(std::vector<std::int64_t>{0, 1}, input(std::vector<std::int64_t>{0, 1}));
  EXPECT_TRUE(fits.keeps());
  EXPECT_FALSE(large.keeps());
  EXPECT_FALSE(never.keeps());
  expect_right(large, {2, 3});
}

TEST_F(TeacherAnswersTest, CarryNoGradient) {
  TeacherAnswers answers(teacher_, tensors_, 0, 0);
  const std::vector<std::int64_t> one = {0};
  EXPECT_FALSE(answers.of(one, input(one)).at("logits").requires_grad());
}

}  // namespace
}  // namespace isthmus
