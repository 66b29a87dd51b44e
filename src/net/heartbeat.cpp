#include "net/heartbeat.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <utility>

#include "isthmus.grpc.pb.h"
#include "net/channel.h"

namespace isthmus {
namespace {

constexpr Seconds kConnectGrace{2};

}  // namespace

// One question and its answer, which may take as long as the machine may be silent; `stop` breaks
// it off.
class Heartbeat::Pulse {
 public:
  explicit Pulse(const HeartbeatOptions& options)
      : options_(options),
        stub_(v1::Agent::NewStub(open_channel(options.address, options.security))) {}

  grpc::Status ask(Seconds limit, v1::HeartbeatReply& reply) {
    grpc::ClientContext context;
    prepare_call(context, options_.security, limit);
    v1::HeartbeatRequest request;
    request.set_machine(options_.machine);
    request.set_source(options_.source);
    {
      const std::lock_guard lock(mutex_);
      if (stopped_) return grpc::Status::CANCELLED;
      context_ = &context;
    }
    const grpc::Status status = stub_->Heartbeat(&context, request, &reply);
    const std::lock_guard lock(mutex_);
    context_ = nullptr;
    return status;
  }

  void stop() {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    if (context_ != nullptr) context_->TryCancel();
  }

 private:
  const HeartbeatOptions& options_;
  std::unique_ptr<v1::Agent::Stub> stub_;
  std::mutex mutex_;
  grpc::ClientContext* context_ = nullptr;
  bool stopped_ = false;
};

Heartbeat::Heartbeat(HeartbeatOptions options, std::uint64_t instance, OnChange on_change)
    : options_(std::move(options)),
      instance_(instance),
      on_change_(std::move(on_change)),
      pulse_(std::make_unique<Pulse>(options_)),
      thread_([this] { watch(*pulse_); }) {}

Heartbeat::~Heartbeat() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  ending_changed_.notify_all();
  pulse_->stop();
  thread_.join();
}

bool Heartbeat::pause() {
  std::unique_lock lock(mutex_);
  const auto interval = std::chrono::duration_cast<std::chrono::microseconds>(options_.interval);
  return !ending_changed_.wait_for(lock, interval, [this] { return ending_; });
}

void Heartbeat::watch(Pulse& pulse) {
  Clock& clock = system_clock();
  Seconds well_since = clock.now();
  // The first answer may take as long as setting up a connection, keys included, on a busy machine.
  Seconds answered = well_since + kConnectGrace;
  std::string why;
  do {
    v1::HeartbeatReply reply;
    const Seconds patience = alive_ ? answered + options_.timeout - clock.now() : options_.timeout;
    const grpc::Status status = pulse.ask(std::max(patience, Seconds{0.01}), reply);
    const bool heard = status.ok() && !cut_;
    const Seconds now = clock.now();
    const bool restarted = heard && reply.instance() != instance_ && instance_ != 0;
    if (heard) instance_ = reply.instance();
    if (restarted) why = "was started anew";
    if (!heard)
      why =
          status.error_code() == grpc::StatusCode::UNAVAILABLE ? "cannot be reached" : "is silent";
    const bool gone = status.error_code() == grpc::StatusCode::UNAVAILABLE;
    if (heard) answered = now;
    if (heard && options_.on_answer) options_.on_answer(reply);
    if (!heard || restarted) well_since = now;
    if (alive_ && (restarted || gone || (!heard && now - answered >= options_.timeout))) {
      alive_ = false;
      on_change_(false, why, instance_);
    } else if (!alive_ && heard && now - well_since >= options_.recovery) {
      alive_ = true;
      on_change_(true, "", instance_);
    }
    // The machine may just have been given plans, which takes long.
    if (heard) answered = clock.now();
  } while (pause());
}

}  // namespace isthmus
