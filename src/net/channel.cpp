#include "net/channel.h"

#include <grpc/support/log.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>

#include <charconv>

#include "core/error.h"
#include "core/file.h"
#include "core/log.h"

namespace isthmus {
namespace {

constexpr int kKeepaliveMs = 20'000;
constexpr int kReconnectMs = 100;
// Big enough that a feature map of a megabyte never waits for the receiver's window to open.
constexpr int kLookaheadBytes = 8 << 20;
// A feature map arrives in a few reads rather than in a hundred.
constexpr int kReadBytes = 256 << 10;

// The part before the last colon; Error{kInvalid} unless a port number follows it.
std::string host_of(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  int port = -1;
  if (colon != std::string::npos) {
    const char* end = address.data() + address.size();
    const auto [stop, error] = std::from_chars(address.data() + colon + 1, end, port);
    if (error != std::errc() || stop != end || port > 65535) port = -1;
  }
  if (port < 0 || colon == 0)
    throw Error(ErrorKind::kInvalid, "not an address (HOST:PORT): \"" + address + "\"");
  return address.substr(0, colon);
}

void check_exposure(const std::string& address, const Security& security) {
  host_of(address);
  if (security.tls() || is_loopback(address)) return;
  if (!security.token.empty())
    throw Error(
        ErrorKind::kInvalid,
        "a token to " + address + " would travel in the clear: give a certificate authority");
}

void check_bind(const std::string& listen, const Security& security) {
  host_of(listen);
  if (is_loopback(listen) || !security.certificate.empty()) return;
  throw Error(ErrorKind::kInvalid, listen +
                                       " can be reached from outside: give a certificate and a key"
                                       " (--cert, --key), or listen on 127.0.0.1");
}

// What the library has to say goes where the program's own lines go; what matters of it arrives as
// a status anyway.
void take_over_log() {
  static const bool done = [] {
    gpr_set_log_function([](gpr_log_func_args* line) { log_debug(line->message); });
    return true;
  }();
  (void)done;
}

// The threads that run callbacks are counted by the channels and servers that use them, and
// gRPC 1.51 aborts
// ("ref_counted.h: assertion failed: prior > 0") when the last of those goes while two threads wake
// up. A server without a port, kept to the end of the process, sees to it that there is no last
// one.
void keep_callback_threads() {
  static grpc::Server* const keeper = [] {
    static auto* const service = new grpc::CallbackGenericService;
    grpc::ServerBuilder builder;
    builder.RegisterCallbackGenericService(service);
    return builder.BuildAndStart().release();
  }();
  (void)keeper;
}

std::string pem(const std::string& file) { return file.empty() ? "" : read_file(file, 1 << 20); }

std::shared_ptr<grpc::ChannelCredentials> client_credentials(const Security& security) {
  if (!security.tls()) return grpc::InsecureChannelCredentials();
  const std::string& trusted =
      security.authority.empty() ? security.certificate : security.authority;
  return grpc::SslCredentials({.pem_root_certs = pem(trusted),
                               .pem_private_key = pem(security.key),
                               .pem_cert_chain = pem(security.certificate)});
}

std::shared_ptr<grpc::ServerCredentials> server_credentials(const Security& security) {
  if (!security.tls()) return grpc::InsecureServerCredentials();
  if (security.certificate.empty() || security.key.empty())
    throw Error(ErrorKind::kInvalid, "a server with TLS needs both a certificate and a key");
  grpc::SslServerCredentialsOptions options(
      security.authority.empty() ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
                                 : GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  options.pem_root_certs = pem(security.authority);
  options.pem_key_cert_pairs.push_back({pem(security.key), pem(security.certificate)});
  return grpc::SslServerCredentials(options);
}

int clamp_to_int(std::int64_t bytes) {
  return static_cast<int>(std::min<std::int64_t>(bytes, std::int64_t{1} << 30));
}

ErrorKind kind_of(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::INVALID_ARGUMENT:
    case grpc::StatusCode::UNAUTHENTICATED: return ErrorKind::kInvalid;
    case grpc::StatusCode::NOT_FOUND: return ErrorKind::kNotFound;
    case grpc::StatusCode::UNIMPLEMENTED:
    case grpc::StatusCode::RESOURCE_EXHAUSTED: return ErrorKind::kUnsupported;
    default: return ErrorKind::kUnavailable;
  }
}

}  // namespace

std::shared_ptr<grpc::Channel> open_channel(const std::string& address, const Security& security,
                                            const ChannelOptions& options) {
  take_over_log();
  keep_callback_threads();
  check_exposure(address, security);
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(clamp_to_int(options.max_message_bytes));
  arguments.SetMaxSendMessageSize(-1);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, options.own_connection ? 1 : 0);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kReconnectMs);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kReconnectMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 4 * kReconnectMs);
  arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, kLookaheadBytes);
  arguments.SetInt(GRPC_ARG_TCP_READ_CHUNK_SIZE, kReadBytes);
  // Agents are named directly; a proxy from the environment has no business between them.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel(address, client_credentials(security), arguments);
}

void prepare_call(grpc::ClientContext& context, const Security& security, Seconds limit) {
  if (!security.token.empty()) context.AddMetadata("authorization", "Bearer " + security.token);
  if (limit > Seconds{0})
    context.set_deadline(std::chrono::system_clock::now() +
                         std::chrono::duration_cast<std::chrono::microseconds>(limit));
}

void add_listener(grpc::ServerBuilder& builder, const std::string& listen, const Security& security,
                  std::int64_t max_message_bytes, int& port) {
  take_over_log();
  check_bind(listen, security);
  builder.AddListeningPort(listen, server_credentials(security), &port);
  builder.SetMaxReceiveMessageSize(clamp_to_int(max_message_bytes));
  // Two agents on one port would share the calls between them.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, kLookaheadBytes);
  builder.AddChannelArgument(GRPC_ARG_TCP_READ_CHUNK_SIZE, kReadBytes);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             kKeepaliveMs / 2);
}

bool is_authorised(const grpc::ServerContextBase& context, const Security& security) {
  if (security.token.empty()) return true;
  const std::string expected = "Bearer " + security.token;
  const auto [first, last] = context.client_metadata().equal_range("authorization");
  for (auto entry = first; entry != last; ++entry) {
    if (entry->second.size() != expected.size()) continue;
    // Takes as long for a nearly right token as for a wrong one.
    unsigned difference = 0;
    for (std::size_t i = 0; i < expected.size(); ++i)
      difference |= static_cast<unsigned char>(entry->second.data()[i] ^ expected[i]);
    if (difference == 0) return true;
  }
  return false;
}

bool is_loopback(const std::string& address) {
  const std::string host = host_of(address);
  return host == "localhost" || host == "[::1]" || host.starts_with("127.");
}

grpc::Status to_status(const std::exception& error) {
  const auto* known = dynamic_cast<const Error*>(&error);
  if (known == nullptr) return {grpc::StatusCode::INTERNAL, error.what()};
  switch (known->kind()) {
    case ErrorKind::kInvalid: return {grpc::StatusCode::INVALID_ARGUMENT, error.what()};
    case ErrorKind::kNotFound: return {grpc::StatusCode::NOT_FOUND, error.what()};
    case ErrorKind::kUnsupported: return {grpc::StatusCode::RESOURCE_EXHAUSTED, error.what()};
    default: return {grpc::StatusCode::UNAVAILABLE, error.what()};
  }
}

void throw_if_failed(const grpc::Status& status, const std::string& who) {
  if (status.ok()) return;
  const bool silent = status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED;
  throw Error(kind_of(status.error_code()),
              who + ": " + (silent ? std::string("no answer in time") : status.error_message()));
}

}  // namespace isthmus
