// What the runtime adds to one request over the part's own Run(), beside the floors of gRPC and of
// raw TCP.
//
//   build/bench/bench_runtime [--rounds N] > results/bench_runtime.json
//
// For each request size one call of each kind in turn, so that whatever else the machine does hits
// all alike, client and server in this process, the request's bytes there and 100 bytes back:
//   raw_tcp      a socket;
//   grpc_bare    a gRPC unary call of a byte buffer that nobody reads at the far end: it lies there
//                in slices, never gathered into a tensor;
//   grpc_unary   ModelInfer of the v2 protocol, as Triton's clients call it, into a server that
//   does
//                nothing: the tensor is a protobuf `bytes` field and lies in one piece at both
//                ends;
//   runtime      a frame through Source and Agent whose part is a mean over its input. "added" is
//   capture-to-output less the part's Run(). Then
// frames over emulated links: capture-to-output over what Run(), rate and latency ask for.
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/client_unary_call.h>
#include <grpcpp/impl/codegen/method_handler.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <iostream>
#include <thread>

#include "core/json.h"
#include "core/statistics.h"
#include "core/version.h"
#include "graph/builder.h"
#include "open_inference.grpc.pb.h"
#include "plan/profile.h"
#include "plan/strategies.h"
#include "serve/agent.h"
#include "serve/source.h"

namespace isthmus {
namespace {

constexpr std::size_t kReplyBytes = 100;

void check(bool fine, const char* what) {
  if (!fine) throw Error(ErrorKind::kIo, std::string(what) + ": " + std::strerror(errno));
}

bool move_all(int socket, std::byte* data, std::size_t size, bool receive) {
  while (size > 0) {
    const ssize_t moved =
        receive ? recv(socket, data, size, 0) : send(socket, data, size, MSG_NOSIGNAL);
    if (moved <= 0) return false;
    data += moved;
    size -= static_cast<std::size_t>(moved);
  }
  return true;
}

// Requests of a fixed size, replies of 100 bytes.
class RawTcp {
 public:
  explicit RawTcp(std::size_t request) : request_(request), reply_(kReplyBytes) {
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    check(listener >= 0, "socket");
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    check(bind(listener, reinterpret_cast<sockaddr*>(&address), length) == 0, "bind");
    check(listen(listener, 1) == 0, "listen");
    check(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length) == 0,
          "getsockname");
    client_ = socket(AF_INET, SOCK_STREAM, 0);
    check(connect(client_, reinterpret_cast<sockaddr*>(&address), length) == 0, "connect");
    server_ = accept(listener, nullptr, nullptr);
    close(listener);
    const int yes = 1;
    for (const int end : {client_, server_})
      setsockopt(end, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    thread_ = std::thread([this, size = request] {
      std::vector<std::byte> in(size);
      std::vector<std::byte> out(kReplyBytes);
      while (move_all(server_, in.data(), in.size(), true) &&
             move_all(server_, out.data(), out.size(), false)) {
      }
    });
  }
  ~RawTcp() {
    shutdown(client_, SHUT_RDWR);
    thread_.join();
    close(client_);
    close(server_);
  }
  void call() {
    check(move_all(client_, request_.data(), request_.size(), false), "send");
    check(move_all(client_, reply_.data(), reply_.size(), true), "receive");
  }

 private:
  std::vector<std::byte> request_;
  std::vector<std::byte> reply_;
  int client_ = -1;
  int server_ = -1;
  std::thread thread_;
};

grpc::ByteBuffer buffer_of(std::size_t size) {
  const std::string bytes(size, 'x');
  grpc::Slice slice(bytes);
  return {&slice, 1};
}

// A unary call with raw bytes: nothing but the library.
class BareUnary {
 public:
  BareUnary() {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.SetMaxReceiveMessageSize(-1);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    channel_ = grpc::CreateChannel("127.0.0.1:" + std::to_string(port),
                                   grpc::InsecureChannelCredentials());
  }
  void call(const grpc::ByteBuffer& request) {
    const grpc::internal::RpcMethod method(kMethod, nullptr, grpc::internal::RpcMethod::NORMAL_RPC,
                                           channel_);
    grpc::ClientContext context;
    grpc::ByteBuffer reply;
    const auto status = grpc::internal::BlockingUnaryCallImpl<grpc::ByteBuffer, grpc::ByteBuffer>(
                            channel_.get(), method, &context, request, &reply)
                            .status();
    if (!status.ok()) throw Error(ErrorKind::kUnavailable, status.error_message());
  }

 private:
  static constexpr const char* kMethod = "/bench/Unary";
  struct Service final : grpc::Service {
    Service() {
      AddMethod(new grpc::internal::RpcServiceMethod(
          kMethod, grpc::internal::RpcMethod::NORMAL_RPC,
          new grpc::internal::RpcMethodHandler<Service, grpc::ByteBuffer, grpc::ByteBuffer,
                                               grpc::ByteBuffer, grpc::ByteBuffer>(
              [](Service*, grpc::ServerContext*, const grpc::ByteBuffer*, grpc::ByteBuffer* reply) {
                *reply = buffer_of(kReplyBytes);
                return grpc::Status::OK;
              },
              this)));
    }
  };
  Service service_;
  std::unique_ptr<grpc::Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
};

// The v2 protocol's unary call.
class ProtobufUnary {
 public:
  explicit ProtobufUnary(std::int64_t size) {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.SetMaxReceiveMessageSize(-1);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    stub_ = inference::GRPCInferenceService::NewStub(grpc::CreateChannel(
        "127.0.0.1:" + std::to_string(port), grpc::InsecureChannelCredentials()));
    request_.set_model_name("mean");
    auto* input = request_.add_inputs();
    input->set_name("x");
    input->set_datatype("FP32");
    input->add_shape(1);
    input->add_shape(size / 4);
    request_.add_raw_input_contents()->assign(static_cast<std::size_t>(size), 'x');
  }
  void call() {
    grpc::ClientContext context;
    inference::ModelInferResponse reply;
    const auto status = stub_->ModelInfer(&context, request_, &reply);
    if (!status.ok()) throw Error(ErrorKind::kUnavailable, status.error_message());
  }

 private:
  struct Service final : inference::GRPCInferenceService::Service {
    grpc::Status ModelInfer(grpc::ServerContext*, const inference::ModelInferRequest*,
                            inference::ModelInferResponse* reply) override {
      reply->add_raw_output_contents()->assign(kReplyBytes, 'x');
      return grpc::Status::OK;
    }
  };
  Service service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<inference::GRPCInferenceService::Stub> stub_;
  inference::ModelInferRequest request_;
};

LoadedPlan mean_plan(std::int64_t elements) {
  GraphBuilder net("mean");
  const std::string x = net.input("x", {-1, elements});
  net.output(net.op("ReduceMean", {x},
                    {{"axes", std::vector<std::int64_t>{1}}, {"keepdims", std::int64_t{1}}},
                    "mean"));
  StrategyOptions options{.device = "camera",
                          .server = "edge",
                          .input = {},
                          .answer_codec = "f32",
                          .deadline = Seconds{60}};
  options.input.tensor = "x";
  options.input.shape = {1, elements};
  return offload_plan(net.build(), "mean", "f32", options);
}

Cluster loopback(const std::string& address) {
  Cluster cluster;
  cluster.machines = {{.name = "camera"}, {.name = "edge", .address = address}};
  cluster.links = {{.a = "camera", .b = "edge", .up = {}, .down = {}}};
  cluster.source = "camera";
  return cluster;
}

struct Samples {
  std::vector<double> values;
  // CPU time of the whole process: both ends, and hardly disturbed by what else runs on the
  // machine.
  std::vector<double> cpu;
  template <typename Call>
  void time(const Call& call) {
    const Seconds start = system_clock().now();
    const Seconds cpu_start = process_cpu_time();
    call();
    cpu.push_back(1e6 * (process_cpu_time() - cpu_start).count());
    values.push_back(1e6 * (system_clock().now() - start).count());
  }
  Json summary() const {
    Json json = {{"p50_us", quantile(values, 0.5)}, {"p95_us", quantile(values, 0.95)}};
    if (!cpu.empty()) json["cpu_p50_us"] = quantile(cpu, 0.5);
    return json;
  }
};

Json measure(std::int64_t bytes, int rounds) {
  Agent agent({});
  Source source({mean_plan(bytes / 4)}, loopback(agent.address()),
                {.max_in_flight = 1, .local_fallback = false});
  RawTcp tcp(static_cast<std::size_t>(bytes));
  BareUnary bare;
  ProtobufUnary unary(bytes);
  const grpc::ByteBuffer request = buffer_of(static_cast<std::size_t>(bytes));
  const Tensor input(DType::kF32, {1, bytes / 4});
  Samples tcp_times;
  Samples bare_times;
  Samples unary_times;
  Samples runtime_times;
  Samples added;
  std::int64_t message = 0;
  const int warm_up = rounds / 10 + 1;
  for (int round = 0; round < warm_up + rounds; ++round) {
    if (round == warm_up) tcp_times = bare_times = unary_times = runtime_times = added = {};
    tcp_times.time([&] { tcp.call(); });
    bare_times.time([&] { bare.call(request); });
    unary_times.time([&] { unary.call(); });
    Source::Answer answer;
    runtime_times.time([&] { answer = source.ask({.input = input}); });
    Seconds run{0};
    for (const Span& span : answer.record.spans)
      if (span.kind == SpanKind::kRun) run += span.duration;
    added.values.push_back(runtime_times.values.back() - 1e6 * run.count());
    if (!answer.record.bytes.empty()) message = answer.record.bytes.front().message;
  }
  const double bare_floor = quantile(bare_times.values, 0.5);
  const double floor = quantile(unary_times.values, 0.5);
  const double cost = quantile(added.values, 0.5);
  return {{"request_bytes", bytes},
          {"message_bytes", message},
          {"rounds", rounds},
          {"raw_tcp", tcp_times.summary()},
          {"grpc_bare", bare_times.summary()},
          {"grpc_unary", unary_times.summary()},
          {"runtime", runtime_times.summary()},
          {"added", added.summary()},
          {"added_over_unary_us", cost - floor},
          {"added_over_unary", cost / floor},
          {"added_over_bare_us", cost - bare_floor},
          {"added_over_bare", cost / bare_floor}};
}

// One frame over an emulated link: what it took beside what rate, latency and the part's Run() ask
// for.
Json measure_link(const std::string& preset, std::int64_t bytes, int rounds) {
  Agent agent({});
  const LinkProfile link = link_preset(preset);
  Cluster cluster = loopback(agent.address());
  cluster.links[0].up = cluster.links[0].down = link;
  Source source({mean_plan(bytes / 4)}, cluster, {.max_in_flight = 1, .local_fallback = false});
  const Tensor input(DType::kF32, {1, bytes / 4});
  std::vector<double> taken;
  std::vector<double> ratio;
  for (int round = 0; round < rounds + 2; ++round) {
    const FrameRecord record = source.ask({.input = input}).record;
    if (round < 2) continue;
    Seconds asked{2 * link.latency};
    for (const Span& span : record.spans)
      if (span.kind == SpanKind::kRun) asked += span.duration;
    for (const EdgeBytes& edge : record.bytes)
      asked += Seconds{8.0 * static_cast<double>(edge.on_air) / link.bandwidth};
    taken.push_back(1e3 * record.capture_to_output.count());
    ratio.push_back(record.capture_to_output / asked);
  }
  return {{"link", preset},
          {"request_bytes", bytes},
          {"rounds", rounds},
          {"p50_ms", quantile(taken, 0.5)},
          {"ratio_p50", quantile(ratio, 0.5)},
          {"ratio_p95", quantile(ratio, 0.95)}};
}

}  // namespace
}  // namespace isthmus

int main(int argc, char** argv) {
  using namespace isthmus;
  const int rounds = argc > 2 && std::string(argv[1]) == "--rounds" ? std::stoi(argv[2]) : 1000;
  try {
    Json sizes = Json::array();
    for (const std::int64_t bytes : {2'500, 10'000, 150'000, 602'112})
      sizes.push_back(measure(bytes, rounds));
    Json links = Json::array();
    for (const char* link : {"wifi-5", "wifi-20", "wifi-100", "ethernet-94"})
      for (const std::int64_t bytes : {10'000, 150'000})
        links.push_back(measure_link(link, bytes, 20));
    const Json document = {{"schema", "isthmus.bench_runtime/1"},
                           {"machine", machine_fingerprint()},
                           {"version", kVersion},
                           {"sizes", sizes},
                           {"links", links}};
    std::cout << document.dump(2) << '\n';
  } catch (const std::exception& error) {
    std::cerr << "bench_runtime: " << error.what() << '\n';
    return 1;
  }
}
