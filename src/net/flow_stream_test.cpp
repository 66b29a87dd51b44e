#include "net/flow_stream.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/service_type.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

#include "core/error.h"
#include "net/channel.h"

namespace isthmus {
namespace {

// What a stream brought, and how it ended. A stream ends on a thread of the transport, possibly
// when the test is over: what its handlers write to lives as long as they do.
class Inbox {
 public:
  FlowHandlers handlers() {
    return {.on_message =
                [state = state_](FlowMessage message) {
                  const std::lock_guard lock(state->mutex);
                  state->messages.push_back(std::move(message));
                  state->changed.notify_all();
                },
            .on_closed =
                [state = state_](const std::string& why) {
                  const std::lock_guard lock(state->mutex);
                  state->closed = true;
                  state->why = why;
                  state->changed.notify_all();
                }};
  }
  std::vector<FlowMessage> wait_for(std::size_t count) {
    std::unique_lock lock(state_->mutex);
    state_->changed.wait_for(lock, kLimit, [&] { return state_->messages.size() >= count; });
    return state_->messages;
  }
  bool wait_closed() {
    std::unique_lock lock(state_->mutex);
    return state_->changed.wait_for(lock, kLimit, [&] { return state_->closed; });
  }
  std::string why() const {
    const std::lock_guard lock(state_->mutex);
    return state_->why;
  }

 private:
  static constexpr std::chrono::seconds kLimit{20};

  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<FlowMessage> messages;
    bool closed = false;
    std::string why;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

// A server whose streams all go to one inbox.
class Server {
 public:
  explicit Server(const Security& security = {}) {
    service_ = make_flow_service(
        security, [this](std::shared_ptr<FlowStream> stream, const std::string& machine) {
          const std::lock_guard lock(mutex_);
          stream_ = std::move(stream);
          machine_ = machine;
          return inbox.handlers();
        });
    grpc::ServerBuilder builder;
    int port = 0;
    add_listener(builder, "127.0.0.1:0", {}, 64 << 20, port);
    builder.RegisterService(service_.get());
    server_ = builder.BuildAndStart();
    address = "127.0.0.1:" + std::to_string(port);
  }
  ~Server() { stop(); }
  void stop() { server_->Shutdown(std::chrono::system_clock::now()); }
  std::shared_ptr<FlowStream> stream() {
    const std::lock_guard lock(mutex_);
    return stream_;
  }
  std::string machine() {
    const std::lock_guard lock(mutex_);
    return machine_;
  }

  Inbox inbox;
  std::string address;

 private:
  std::mutex mutex_;
  std::shared_ptr<FlowStream> stream_;
  std::string machine_;
  std::unique_ptr<grpc::Service> service_;
  std::unique_ptr<grpc::Server> server_;
};

FlowMessage message_of(std::size_t bytes, std::uint32_t frame) {
  std::vector<std::byte> payload(bytes);
  for (std::size_t i = 0; i < bytes; ++i) payload[i] = static_cast<std::byte>(i * 31 + frame);
  return {.header = {.type = FrameType::kTensor, .key = {.source = 1, .frame = frame}},
          .payload = Payload(std::move(payload)),
          .trailer = {}};
}

TEST(FlowStream, CarriesMessagesOfAnySizeInOrderBothWays) {
  Server server;
  Inbox inbox;
  const auto stream = open_flow(open_channel(server.address, {}), "camera", {}, inbox.handlers());
  const std::vector<std::size_t> sizes{0, 1, 27, 2'500, 10'000, 150'000, 602'112, 3'000'001};
  for (std::uint32_t i = 0; i < sizes.size(); ++i)
    ASSERT_TRUE(stream->send(message_of(sizes[i], i)));
  const auto there = server.inbox.wait_for(sizes.size());
  ASSERT_EQ(there.size(), sizes.size());
  EXPECT_EQ(server.machine(), "camera");
  for (std::uint32_t i = 0; i < sizes.size(); ++i) {
    EXPECT_EQ(there[i].header.key.frame, i);
    const auto expected = message_of(sizes[i], i);
    EXPECT_TRUE(std::ranges::equal(there[i].payload.bytes(), expected.payload.bytes())) << sizes[i];
    ASSERT_TRUE(server.stream()->send(there[i]));
  }
  EXPECT_EQ(inbox.wait_for(sizes.size()).size(), sizes.size());
  stream->close();
  EXPECT_TRUE(server.inbox.wait_closed());
  EXPECT_TRUE(inbox.wait_closed());
  EXPECT_FALSE(stream->send(message_of(1, 1)));
}

TEST(FlowStream, BigPayloadsLieAlignedForTheEngine) {
  Server server;
  Inbox inbox;
  const auto stream = open_flow(open_channel(server.address, {}), "camera", {}, inbox.handlers());
  stream->send(message_of(602'112, 1));
  const auto there = server.inbox.wait_for(1);
  ASSERT_EQ(there.size(), 1u);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(there[0].payload.bytes().data()) % 4, 0u);
  stream->close();
}

TEST(FlowStream, PayloadAndTrailerArriveAsOne) {
  Server server;
  Inbox inbox;
  const auto stream = open_flow(open_channel(server.address, {}), "camera", {}, inbox.handlers());
  FlowMessage message = message_of(10, 1);
  message.trailer.assign(3, std::byte{9});
  stream->send(message);
  const auto there = server.inbox.wait_for(1);
  ASSERT_EQ(there.size(), 1u);
  EXPECT_EQ(there[0].payload.size(), 13u);
  EXPECT_EQ(there[0].payload.bytes()[12], std::byte{9});
  EXPECT_EQ(message_bytes(message), 28 + 13);
  stream->close();
}

TEST(FlowStream, SaysWhenTheOtherEndIsGone) {
  auto server = std::make_unique<Server>();
  Inbox inbox;
  const auto stream = open_flow(open_channel(server->address, {}), "camera", {}, inbox.handlers());
  stream->send(message_of(1, 1));
  server->inbox.wait_for(1);
  server->stop();
  EXPECT_TRUE(inbox.wait_closed());
}

TEST(FlowStream, NobodyThereIsAnEndToo) {
  Inbox inbox;
  const auto stream = open_flow(open_channel("127.0.0.1:1", {}), "camera", {}, inbox.handlers());
  EXPECT_TRUE(inbox.wait_closed());
  EXPECT_FALSE(inbox.why().empty());
}

TEST(FlowStream, ARefusedTokenEndsTheStream) {
  Server server({.token = "secret"});
  Inbox wrong;
  open_flow(open_channel(server.address, {}), "camera", {.token = "guess"}, wrong.handlers());
  EXPECT_TRUE(wrong.wait_closed());
  EXPECT_NE(wrong.why().find("token"), std::string::npos) << wrong.why();
  Inbox right;
  const auto stream =
      open_flow(open_channel(server.address, {}), "camera", {.token = "secret"}, right.handlers());
  stream->send(message_of(1, 1));
  EXPECT_EQ(server.inbox.wait_for(1).size(), 1u);
  stream->close();
}

TEST(Channel, KnowsWhatCanBeReachedFromOutside) {
  EXPECT_TRUE(is_loopback("127.0.0.1:7000"));
  EXPECT_TRUE(is_loopback("localhost:7000"));
  EXPECT_FALSE(is_loopback("0.0.0.0:7000"));
  EXPECT_FALSE(is_loopback("192.168.1.2:7000"));
  for (const char* bad : {"", "host", "host:", "host:seventy", "host:70000", ":7000"})
    EXPECT_THROW(is_loopback(bad), Error) << bad;
}

TEST(Channel, DoesNotListenToTheWorldWithoutTls) {
  grpc::ServerBuilder builder;
  int port = 0;
  EXPECT_THROW(add_listener(builder, "0.0.0.0:0", {}, 1, port), Error);
  EXPECT_THROW(add_listener(builder, "0.0.0.0:0", {.token = "t"}, 1, port), Error);
}

TEST(Channel, ATokenDoesNotTravelInTheClear) {
  EXPECT_THROW(open_channel("192.168.1.2:7000", {.token = "t"}), Error);
}

}  // namespace
}  // namespace isthmus
