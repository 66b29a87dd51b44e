// Our v2 server and our v2 client, each written against the published protocol, understand each
// other.
#include "serve/v2_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/file.h"
#include "engine/difference.h"
#include "engine/random_network.h"
#include "engine/random_tensor.h"
#include "net/remote_engine.h"
#include "serve/agent.h"

namespace isthmus {
namespace {

using testing::HasSubstr;

class ServedNetwork : public testing::Test {
 protected:
  ServedNetwork() {
    save_graph(graph_, folder_.path() / "net.onnx");
    AgentOptions options;
    options.models = {"net=" + (folder_.path() / "net.onnx").string()};
    agent_ = std::make_unique<Agent>(options);
  }

  Graph graph_ = random_network(/*seed=*/6);
  TemporaryFolder folder_;
  std::unique_ptr<Agent> agent_;
};

TEST_F(ServedNetwork, AnswersFromAfarAsItDoesHere) {
  const auto local = make_engine(graph_);
  const auto remote = make_remote_engine(agent_->address(), "net");
  ASSERT_EQ(remote->inputs().size(), local->inputs().size());
  EXPECT_EQ(remote->inputs()[0].shape, local->inputs()[0].shape);
  for (const std::int64_t batch : {1, 3}) {
    const Tensor image = random_tensor(DType::kF32, {batch, 3, 16, 16}, 1);
    const auto here = local->run({&image, 1});
    const auto afar = remote->run({&image, 1});
    ASSERT_EQ(afar.size(), here.size());
    for (std::size_t i = 0; i < here.size(); ++i) EXPECT_EQ(tensor_difference(here[i], afar[i]), 0);
  }
  EXPECT_TRUE(batch_is_free(*remote));
}

TEST_F(ServedNetwork, SuggestsTheNameOfAModelThatItHas) {
  try {
    make_remote_engine(agent_->address(), "nets");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::kNotFound);
    EXPECT_THAT(e.what(), HasSubstr("did you mean net?"));
  }
}

TEST_F(ServedNetwork, IsGoneWhenTheAgentStops) {
  const auto remote = make_remote_engine(agent_->address(), "net", {.deadline = Seconds{2}});
  agent_->stop();
  const Tensor image = random_tensor(DType::kF32, {1, 3, 16, 16}, 1);
  try {
    remote->run({&image, 1});
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::kUnavailable);
  }
}

}  // namespace
}  // namespace isthmus
