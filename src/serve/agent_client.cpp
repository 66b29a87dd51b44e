#include "serve/agent_client.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
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
};

AgentClient::AgentClient(const std::string& machine, std::string address, Security security)
    : who_(machine + " (" + address + ")"),
      address_(std::move(address)),
      security_(std::move(security)),
      stub_(std::make_unique<Stub>(Stub{v1::Agent::NewStub(open_channel(address_, security_))})) {}

AgentClient::~AgentClient() = default;

v1::GreetReply AgentClient::greet(Seconds limit) {
  v1::GreetRequest request;
  request.set_protocol(kProtocolVersion);
  request.set_version(std::string(kVersion));
  v1::GreetReply reply;
  grpc::ClientContext context;
  prepare_call(context, security_, limit);
  context.set_wait_for_ready(true);
  const grpc::Status status = stub_->agent->Greet(&context, request, &reply);
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
  grpc::ClientContext context;
  prepare_call(context, security_, kAskLimit);
  throw_if_failed(stub_->agent->MissingBlobs(&context, request, &reply), who_);
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
  grpc::ClientContext context;
  prepare_call(context, security_, kDeployLimit);
  v1::PutBlobReply reply;
  const auto writer = stub_->agent->PutBlob(&context, &reply);
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
  grpc::ClientContext context;
  prepare_call(context, security_, kDeployLimit);
  throw_if_failed(stub_->agent->Deploy(&context, request, &reply), who_);
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

}  // namespace isthmus
