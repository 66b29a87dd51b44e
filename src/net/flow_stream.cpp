#include "net/flow_stream.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/client_callback.h>
#include <grpcpp/impl/codegen/server_callback_handlers.h>
#include <grpcpp/impl/codegen/service_type.h>

#include <deque>
#include <mutex>

#include "core/error.h"
#include "net/channel.h"

namespace isthmus {
namespace {

using grpc::ByteBuffer;

constexpr const char* kMethod = "/isthmus.v1.Flow/Stream";
constexpr const char* kMachineKey = "isthmus-machine";

// What both ends do: one read and at most one write are under way at any time. The callback API was
// chosen by measurement (docs/runtime.md): it hands a message over without waiting, and is faster
// than the blocking one, which needs a thread for each direction.
//
// `Reactor` is grpc's client or server end. Lives until OnDone.
template <typename Reactor>
class FlowEnd : public Reactor {
 public:
  bool send(const FlowMessage& message) {
    ByteBuffer buffer = to_byte_buffer(message);
    const std::lock_guard lock(mutex_);
    if (over_) return false;
    waiting_bytes_ += static_cast<std::int64_t>(buffer.Length());
    outgoing_.push_back(std::move(buffer));
    if (outgoing_.size() == 1) this->StartWrite(&outgoing_.front());
    return true;
  }

  std::int64_t waiting_bytes() const {
    const std::lock_guard lock(mutex_);
    return waiting_bytes_;
  }

  void close() {
    const std::lock_guard lock(mutex_);
    if (over_) return;
    over_ = true;
    break_off();
  }

  void OnReadDone(bool ok) final {
    if (ok && deliver()) {
      const std::lock_guard lock(mutex_);
      if (!over_) {
        this->StartRead(&incoming_);
        return;
      }
    }
    const std::lock_guard lock(mutex_);
    over_ = true;
    reading_ended();
  }

  void OnWriteDone(bool ok) final {
    const std::lock_guard lock(mutex_);
    waiting_bytes_ -= static_cast<std::int64_t>(outgoing_.front().Length());
    outgoing_.pop_front();
    if (!ok && !over_) {
      over_ = true;
      break_off();
    }
    if (over_) {
      outgoing_.clear();
      waiting_bytes_ = 0;
    } else if (!outgoing_.empty()) {
      this->StartWrite(&outgoing_.front());
    }
  }

 protected:
  virtual void break_off() = 0;
  // No read is under way, and none will be.
  virtual void reading_ended() = 0;

  // False for a message that is damaged: the stream cannot be trusted any more.
  bool deliver() {
    try {
      const Seconds before = thread_cpu_time();
      FlowMessage message = from_byte_buffer(incoming_);
      incoming_.Clear();
      message.receive_cpu = thread_cpu_time() - before;
      handlers_.on_message(std::move(message));
      return true;
    } catch (const std::exception& error) {
      failure_ = error.what();
      close();
      return false;
    }
  }

  void report_end(const std::string& why) {
    if (handlers_.on_closed) handlers_.on_closed(failure_.empty() ? why : failure_);
    handlers_ = {};
  }

  // Recursive because a library version that calls back at once would do so from within StartWrite.
  mutable std::recursive_mutex mutex_;
  FlowHandlers handlers_;
  ByteBuffer incoming_;

 private:
  std::deque<ByteBuffer> outgoing_;
  std::int64_t waiting_bytes_ = 0;
  bool over_ = false;
  std::string failure_;
};

class ClientEnd final : public FlowEnd<grpc::ClientBidiReactor<ByteBuffer, ByteBuffer>> {
 public:
  void start(std::shared_ptr<ClientEnd> self, std::shared_ptr<grpc::Channel> channel,
             const std::string& machine, const Security& security, FlowHandlers handlers) {
    self_ = std::move(self);
    channel_ = std::move(channel);
    handlers_ = std::move(handlers);
    prepare_call(context_, security, Seconds{0});
    context_.AddMetadata(kMachineKey, machine);
    const grpc::internal::RpcMethod method(kMethod, nullptr,
                                           grpc::internal::RpcMethod::BIDI_STREAMING, channel_);
    grpc::internal::ClientCallbackReaderWriterFactory<ByteBuffer, ByteBuffer>::Create(
        channel_.get(), method, &context_, this);
    StartRead(&incoming_);
    StartCall();
  }

  void OnDone(const grpc::Status& status) override {
    const auto keep = std::move(self_);
    report_end(status.ok() ? "" : status.error_message());
  }

 private:
  void break_off() override { context_.TryCancel(); }
  // The status is on its way: OnDone comes by itself.
  void reading_ended() override {}

  std::shared_ptr<ClientEnd> self_;
  std::shared_ptr<grpc::Channel> channel_;
  grpc::ClientContext context_;
};

class ServerEnd final : public FlowEnd<grpc::ServerBidiReactor<ByteBuffer, ByteBuffer>> {
 public:
  explicit ServerEnd(grpc::CallbackServerContext* context) : context_(context) {}

  void start(std::shared_ptr<ServerEnd> self, FlowHandlers handlers) {
    self_ = std::move(self);
    handlers_ = std::move(handlers);
    StartRead(&incoming_);
  }
  void refuse(std::shared_ptr<ServerEnd> self, const grpc::Status& status) {
    self_ = std::move(self);
    Finish(status);
  }

  void OnDone() override {
    const auto keep = std::move(self_);
    report_end(cancelled_ ? "broken off" : "");
  }
  void OnCancel() override { cancelled_ = true; }

 private:
  void break_off() override { context_->TryCancel(); }
  void reading_ended() override { Finish(grpc::Status::OK); }

  grpc::CallbackServerContext* context_;
  std::shared_ptr<ServerEnd> self_;
  std::atomic<bool> cancelled_ = false;
};

// What the rest of the program holds: the end may outlive it, and it the end.
template <typename End>
class Handle final : public FlowStream {
 public:
  explicit Handle(std::weak_ptr<End> end) : end_(std::move(end)) {}

  bool send(const FlowMessage& message) override {
    const auto end = end_.lock();
    return end && end->send(message);
  }
  std::int64_t waiting_bytes() const override {
    const auto end = end_.lock();
    return end ? end->waiting_bytes() : 0;
  }
  void close() override {
    if (const auto end = end_.lock()) end->close();
  }

 private:
  std::weak_ptr<End> end_;
};

std::string metadata(const grpc::CallbackServerContext& context, const char* key) {
  const auto entry = context.client_metadata().find(key);
  if (entry == context.client_metadata().end()) return "";
  return {entry->second.data(), entry->second.size()};
}

class FlowService final : public grpc::Service {
 public:
  FlowService(const Security& security, AcceptFlow accept)
      : security_(security), accept_(std::move(accept)) {
    AddMethod(new grpc::internal::RpcServiceMethod(
        kMethod, grpc::internal::RpcMethod::BIDI_STREAMING, nullptr));
    MarkMethodRawCallback(
        0, new grpc::internal::CallbackBidiHandler<ByteBuffer, ByteBuffer>(
               [this](grpc::CallbackServerContext* context) { return open(context); }));
  }

 private:
  grpc::ServerBidiReactor<ByteBuffer, ByteBuffer>* open(grpc::CallbackServerContext* context) {
    auto end = std::make_shared<ServerEnd>(context);
    ServerEnd* reactor = end.get();
    if (!is_authorised(*context, security_)) {
      reactor->refuse(std::move(end),
                      {grpc::StatusCode::UNAUTHENTICATED, "wrong or missing token"});
      return reactor;
    }
    auto handle = std::make_shared<Handle<ServerEnd>>(end);
    FlowHandlers handlers = accept_(std::move(handle), metadata(*context, kMachineKey));
    reactor->start(std::move(end), std::move(handlers));
    return reactor;
  }

  Security security_;
  AcceptFlow accept_;
};

}  // namespace

std::shared_ptr<FlowStream> open_flow(const std::shared_ptr<grpc::Channel>& channel,
                                      const std::string& machine, const Security& security,
                                      FlowHandlers handlers) {
  auto end = std::make_shared<ClientEnd>();
  auto handle = std::make_shared<Handle<ClientEnd>>(end);
  ClientEnd& client = *end;
  client.start(std::move(end), channel, machine, security, std::move(handlers));
  return handle;
}

std::unique_ptr<grpc::Service> make_flow_service(const Security& security, AcceptFlow accept) {
  return std::make_unique<FlowService>(security, std::move(accept));
}

}  // namespace isthmus
