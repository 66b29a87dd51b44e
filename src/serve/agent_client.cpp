#include "serve/agent_client.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/version.h"
#include "isthmus.grpc.pb.h"
#include "net/channel.h"

namespace isthmus {
namespace {

constexpr std::size_t kChunkBytes = std::size_t{1} << 20;
// Loading a network of half a gigabyte takes a small machine minutes.
constexpr Seconds kDeployLimit{600};
constexpr Seconds kAskLimit{30};

}  // namespace

struct AgentClient::Stub {
  std::unique_ptr<v1::Agent::Stub> agent;
  std::mutex mutex;
  bool broken_off = false;
  std::set<grpc::ClientContext*> calls;
};

// One call that break_off() ends.
class AgentClient::Call {
 public:
  Call(AgentClient& client, Seconds limit) : stub_(*client.stub_) {
    prepare_call(context_, client.security_, limit);
    const std::lock_guard lock(stub_.mutex);
    if (stub_.broken_off) throw Error(ErrorKind::kUnavailable, client.who_ + ": broken off");
    stub_.calls.insert(&context_);
  }
  ~Call() {
    const std::lock_guard lock(stub_.mutex);
    stub_.calls.erase(&context_);
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  grpc::ClientContext* context() { return &context_; }

 private:
  Stub& stub_;
  grpc::ClientContext context_;
};

AgentClient::AgentClient(const std::string& machine, std::string address, Security security)
    : who_(machine + " (" + address + ")"),
      address_(std::move(address)),
      security_(std::move(security)),
      stub_(std::make_unique<Stub>()) {
  stub_->agent = v1::Agent::NewStub(open_channel(address_, security_));
}

AgentClient::~AgentClient() = default;

v1::GreetReply AgentClient::greet(Seconds limit) {
  v1::GreetRequest request;
  request.set_protocol(kProtocolVersion);
  request.set_version(std::string(kVersion));
  v1::GreetReply reply;
  Call call(*this, limit);
  call.context()->set_wait_for_ready(true);
  const grpc::Status status = stub_->agent->Greet(call.context(), request, &reply);
  if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED)
    throw Error(ErrorKind::kUnavailable,
                who_ + " cannot be reached: is an agent running there? (isthmus-agent --listen " +
                    address_ + ")" +
                    (security_.tls() ? " Does each side accept the other's certificate?"
                                     : " Or does it want TLS (--tls-ca)?"));
  throw_if_failed(status, who_);
  return reply;
}

std::int64_t AgentClient::send_blobs(
    const std::map<std::string, Blob>& blobs,
    const std::function<void(std::int64_t, std::int64_t)>& progress) {
  v1::MissingBlobsRequest request;
  for (const auto& [hash, blob] : blobs) request.add_hashes(hash);
  v1::MissingBlobsReply reply;
  {
    Call call(*this, kAskLimit);
    throw_if_failed(stub_->agent->MissingBlobs(call.context(), request, &reply), who_);
  }
  std::int64_t total = 0;
  for (const std::string& hash : reply.hashes())
    if (const auto blob = blobs.find(hash); blob != blobs.end())
      total += static_cast<std::int64_t>(blob->second.size());
  std::int64_t done = 0;
  for (const std::string& hash : reply.hashes()) {
    const auto blob = blobs.find(hash);
    if (blob == blobs.end()) continue;
    send_blob(hash, blob->second, [&](std::int64_t bytes) {
      done += bytes;
      if (progress) progress(done, total);
    });
  }
  return done;
}

void AgentClient::send_blob(const std::string& hash, const Blob& blob,
                            const std::function<void(std::int64_t)>& sent) {
  Call call(*this, kDeployLimit);
  v1::PutBlobReply reply;
  const auto writer = stub_->agent->PutBlob(call.context(), &reply);
  v1::BlobChunk chunk;
  chunk.set_hash(hash);
  chunk.set_size(static_cast<std::int64_t>(blob.size()));
  auto rest = blob.bytes();
  do {
    const auto piece = rest.first(std::min(kChunkBytes, rest.size()));
    rest = rest.subspan(piece.size());
    chunk.set_data(piece.data(), piece.size());
    if (!writer->Write(chunk)) break;
    sent(static_cast<std::int64_t>(piece.size()));
    chunk.clear_hash();
  } while (!rest.empty());
  writer->WritesDone();
  throw_if_failed(writer->Finish(), who_);
}

void AgentClient::deploy(const v1::DeployRequest& request) {
  v1::DeployReply reply;
  Call call(*this, kDeployLimit);
  throw_if_failed(stub_->agent->Deploy(call.context(), request, &reply), who_);
}

void AgentClient::undeploy(const v1::UndeployRequest& request, Seconds limit) {
  v1::UndeployReply reply;
  grpc::ClientContext context;
  prepare_call(context, security_, limit);
  throw_if_failed(stub_->agent->Undeploy(&context, request, &reply), who_);
}

v1::StatsReply AgentClient::stats() {
  v1::StatsReply reply;
  grpc::ClientContext context;
  prepare_call(context, security_, kAskLimit);
  throw_if_failed(stub_->agent->Stats(&context, {}, &reply), who_);
  return reply;
}

void AgentClient::break_off() {
  const std::lock_guard lock(stub_->mutex);
  stub_->broken_off = true;
  for (grpc::ClientContext* call : stub_->calls) call->TryCancel();
}

}  // namespace isthmus
