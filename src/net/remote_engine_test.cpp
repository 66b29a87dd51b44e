#include "net/remote_engine.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

#include "core/error.h"
#include "open_inference.grpc.pb.h"

namespace isthmus {
namespace {

using inference::GRPCInferenceService;
using inference::ModelInferRequest;
using inference::ModelInferResponse;
using inference::ModelMetadataRequest;
using inference::ModelMetadataResponse;
using testing::HasSubstr;

// A v2 server that holds "double" (y = 2 x, and n the number of elements) and can be told to
// misbehave.
class StubServer final : public GRPCInferenceService::Service {
 public:
  enum class Manner { kRaw, kTyped, kSwapped, kShort, kWithoutOutput, kWrongType, kSilent };

  explicit StubServer(Manner manner = Manner::kRaw) : manner_(manner) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ~StubServer() override { stop(); }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
    }
    wake_.notify_all();
    if (server_) server_->Shutdown();
    server_.reset();
  }

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  std::string token() const { return token_; }
  int raw_inputs() const { return raw_inputs_; }

 private:
  grpc::Status ModelMetadata(grpc::ServerContext* context, const ModelMetadataRequest* request,
                             ModelMetadataResponse* response) override {
    const auto token = context->client_metadata().find("authorization");
    if (token != context->client_metadata().end())
      token_.assign(token->second.data(), token->second.size());
    if (request->name() != "double")
      return {grpc::StatusCode::NOT_FOUND, "no model " + request->name()};
    auto* x = response->add_inputs();
    x->set_name("x");
    x->set_datatype("FP32");
    for (const int extent : {-1, 3}) x->add_shape(extent);
    *response->add_outputs() = response->inputs(0);
    response->mutable_outputs(0)->set_name("y");
    auto* n = response->add_outputs();
    n->set_name("n");
    n->set_datatype("INT64");
    n->add_shape(1);
    return grpc::Status::OK;
  }

  grpc::Status ModelInfer(grpc::ServerContext*, const ModelInferRequest* request,
                          ModelInferResponse* response) override {
    if (manner_ == Manner::kSilent) {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return stopped_; });
      return grpc::Status::CANCELLED;
    }
    raw_inputs_ = request->raw_input_contents_size();
    const std::string& bytes = request->raw_input_contents(0);
    std::vector<float> values(bytes.size() / sizeof(float));
    std::memcpy(values.data(), bytes.data(), bytes.size());
    if (!values.empty() && values[0] < 0)
      return {grpc::StatusCode::INVALID_ARGUMENT, "x must not be negative"};
    for (float& value : values) value *= 2;
    answer(request->inputs(0).shape(), values, response);
    return grpc::Status::OK;
  }

  void answer(const google::protobuf::RepeatedField<std::int64_t>& shape,
              const std::vector<float>& values, ModelInferResponse* response) const {
    const auto add_y = [&] {
      auto* y = response->add_outputs();
      y->set_name("y");
      y->set_datatype(manner_ == Manner::kWrongType ? "FP64" : "FP32");
      *y->mutable_shape() = shape;
      if (manner_ == Manner::kTyped)
        y->mutable_contents()->mutable_fp32_contents()->Add(values.begin(), values.end());
      else
        response->add_raw_output_contents(
            values.data(), values.size() * sizeof(float) - (manner_ == Manner::kShort ? 1 : 0));
    };
    const auto add_n = [&] {
      auto* n = response->add_outputs();
      n->set_name("n");
      n->set_datatype("INT64");
      n->add_shape(1);
      const auto count = static_cast<std::int64_t>(values.size());
      if (manner_ == Manner::kTyped)
        n->mutable_contents()->add_int64_contents(count);
      else
        response->add_raw_output_contents(&count, sizeof(count));
    };
    if (manner_ == Manner::kSwapped) add_n();
    add_y();
    if (manner_ != Manner::kSwapped && manner_ != Manner::kWithoutOutput) add_n();
  }

  Manner manner_;
  int port_ = 0;
  std::string token_;
  int raw_inputs_ = 0;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopped_ = false;
  std::unique_ptr<grpc::Server> server_;
};

using Manner = StubServer::Manner;

Tensor numbers() { return Tensor::of<float>({2, 3}, {1, 2, 3, 4, 5, 6}); }

Error error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& e) {
    return e;
  }
  ADD_FAILURE() << "nothing was thrown";
  return {ErrorKind::kIo, ""};
}

TEST(RemoteEngine, KnowsInputsAndOutputsFromTheMetadata) {
  StubServer server;
  const auto engine = make_remote_engine(server.address(), "double");
  ASSERT_EQ(engine->inputs().size(), 1U);
  EXPECT_EQ(engine->inputs()[0].name, "x");
  EXPECT_EQ(engine->inputs()[0].dtype, DType::kF32);
  EXPECT_EQ(engine->inputs()[0].shape, (Shape{-1, 3}));
  ASSERT_EQ(engine->outputs().size(), 2U);
  EXPECT_EQ(engine->outputs()[1].dtype, DType::kI64);
}

TEST(RemoteEngine, GivesTheSameForEveryFormOfAnswer) {
  for (const Manner manner : {Manner::kRaw, Manner::kTyped, Manner::kSwapped}) {
    SCOPED_TRACE(static_cast<int>(manner));
    StubServer server(manner);
    const auto engine = make_remote_engine(server.address(), "double");
    const Tensor x = numbers();
    const auto outputs = engine->run({&x, 1});
    EXPECT_EQ(server.raw_inputs(), 1);
    ASSERT_EQ(outputs.size(), 2U);
    EXPECT_EQ(outputs[0].shape(), (Shape{2, 3}));
    EXPECT_THAT(outputs[0].values<float>(), testing::ElementsAre(2, 4, 6, 8, 10, 12));
    EXPECT_THAT(outputs[1].values<std::int64_t>(), testing::ElementsAre(6));
  }
}

TEST(RemoteEngine, RefusesAnswersThatContradictTheMetadata) {
  struct Case {
    Manner manner;
    const char* message;
  };
  for (const Case& c :
       {Case{Manner::kShort, "23 bytes"}, Case{Manner::kWithoutOutput, "output n is missing"},
        Case{Manner::kWrongType, "output y is FP64"}}) {
    SCOPED_TRACE(c.message);
    StubServer server(c.manner);
    const auto engine = make_remote_engine(server.address(), "double");
    const Tensor x = numbers();
    const Error error = error_of([&] { engine->run({&x, 1}); });
    EXPECT_EQ(error.kind(), ErrorKind::kUnavailable);
    EXPECT_THAT(error.what(), HasSubstr(c.message));
    EXPECT_THAT(error.what(), HasSubstr(server.address()));
  }
}

TEST(RemoteEngine, ChecksInputsBeforeItSendsThem) {
  StubServer server;
  const auto engine = make_remote_engine(server.address(), "double");
  const Tensor wide = Tensor::of<float>({1, 4}, {1, 2, 3, 4});
  const Error error = error_of([&] { engine->run({&wide, 1}); });
  EXPECT_EQ(error.kind(), ErrorKind::kInvalid);
  EXPECT_THAT(error.what(), HasSubstr("input x must be float32 ?x3, got float32 1x4"));
  EXPECT_THROW(engine->run({}), Error);
}

TEST(RemoteEngine, TellsRefusalsFromFailures) {
  StubServer server;
  EXPECT_EQ(error_of([&] { make_remote_engine(server.address(), "triple"); }).kind(),
            ErrorKind::kNotFound);
  const auto engine = make_remote_engine(server.address(), "double");
  const Tensor negative = Tensor::of<float>({1, 3}, {-1, 0, 0});
  const Error refused = error_of([&] { engine->run({&negative, 1}); });
  EXPECT_EQ(refused.kind(), ErrorKind::kInvalid);
  EXPECT_THAT(refused.what(), HasSubstr("x must not be negative"));
  server.stop();
  const Tensor x = numbers();
  EXPECT_EQ(error_of([&] { engine->run({&x, 1}); }).kind(), ErrorKind::kUnavailable);
}

TEST(RemoteEngine, GivesUpAtTheDeadline) {
  StubServer server(Manner::kSilent);
  const auto engine = make_remote_engine(server.address(), "double", {.deadline = Seconds{0.2}});
  const Tensor x = numbers();
  const Error error = error_of([&] { engine->run({&x, 1}); });
  EXPECT_EQ(error.kind(), ErrorKind::kUnavailable);
  EXPECT_THAT(error.what(), HasSubstr("no answer in time"));
}

TEST(RemoteEngine, RefusesAnswersLargerThanAllowed) {
  StubServer server;
  const auto engine = make_remote_engine(server.address(), "double", {.max_message_bytes = 1000});
  const Tensor large = Tensor::of<float>({1000, 3}, std::vector<float>(3000, 1));
  EXPECT_EQ(error_of([&] { engine->run({&large, 1}); }).kind(), ErrorKind::kUnsupported);
}

TEST(RemoteEngine, SendsTheToken) {
  StubServer server;
  make_remote_engine(server.address(), "double", {.security = {.token = "secret"}});
  EXPECT_EQ(server.token(), "Bearer secret");
}

}  // namespace
}  // namespace isthmus
