#include "serve/control_service.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <span>
#include <vector>

#include "core/error.h"
#include "isthmus.grpc.pb.h"
#include "net/channel.h"

namespace isthmus {
namespace {

class ControlService final : public v1::Agent::Service {
 public:
  ControlService(AgentMachine& machine, const Security& security)
      : machine_(machine), security_(security) {}

  grpc::Status Greet(grpc::ServerContext* context, const v1::GreetRequest* request,
                     v1::GreetReply* reply) override {
    // The one call whose refusal is about the caller's program, so that it names both versions.
    try {
      if (!is_authorised(*context, security_)) return unauthorised();
      *reply = machine_.greet(*request);
      return grpc::Status::OK;
    } catch (const Error& error) {
      return {grpc::StatusCode::FAILED_PRECONDITION, error.what()};
    }
  }

  grpc::Status MissingBlobs(grpc::ServerContext* context, const v1::MissingBlobsRequest* request,
                            v1::MissingBlobsReply* reply) override {
    return answer(*context, [&] {
      for (std::string& hash :
           machine_.blobs().missing({request->hashes().begin(), request->hashes().end()}))
        reply->add_hashes(std::move(hash));
    });
  }

  grpc::Status PutBlob(grpc::ServerContext* context, grpc::ServerReader<v1::BlobChunk>* reader,
                       v1::PutBlobReply*) override {
    return answer(*context, [&] {
      v1::BlobChunk chunk;
      if (!reader->Read(&chunk) || !is_hash(chunk.hash()) || chunk.size() < 0)
        throw Error(ErrorKind::kInvalid, "a blob must begin with its hash and size");
      BlobStore::Incoming blob(machine_.blobs(), chunk.hash(), chunk.size());
      do blob.append(std::as_bytes(std::span(chunk.data())));
      while (reader->Read(&chunk));
      blob.finish();
    });
  }

  grpc::Status Deploy(grpc::ServerContext* context, const v1::DeployRequest* request,
                      v1::DeployReply*) override {
    return answer(*context, [&] { machine_.deploy(*request); });
  }
  grpc::Status Undeploy(grpc::ServerContext* context, const v1::UndeployRequest* request,
                        v1::UndeployReply*) override {
    return answer(*context, [&] { machine_.undeploy(*request); });
  }
  grpc::Status Stats(grpc::ServerContext* context, const v1::StatsRequest*,
                     v1::StatsReply* reply) override {
    return answer(*context, [&] { *reply = machine_.stats(); });
  }
  grpc::Status Heartbeat(grpc::ServerContext* context, const v1::HeartbeatRequest* request,
                         v1::HeartbeatReply* reply) override {
    // Where the link is cut, silence: the caller's own limit ends the call.
    while (machine_.is_cut() && !context->IsCancelled()) system_clock().sleep_for(Seconds{0.01});
    return answer(*context, [&] {
      *reply = machine_.heartbeat(static_cast<std::uint16_t>(request->source()));
    });
  }

 private:
  static grpc::Status unauthorised() {
    return {grpc::StatusCode::UNAUTHENTICATED, "wrong or missing token"};
  }

  template <typename Work>
  grpc::Status answer(const grpc::ServerContext& context, const Work& work) {
    if (!is_authorised(context, security_)) return unauthorised();
    try {
      work();
      return grpc::Status::OK;
    } catch (const std::exception& error) {
      return to_status(error);
    }
  }

  AgentMachine& machine_;
  Security security_;
};

}  // namespace

std::unique_ptr<grpc::Service> make_control_service(AgentMachine& machine,
                                                    const Security& security) {
  return std::make_unique<ControlService>(machine, security);
}

}  // namespace isthmus
