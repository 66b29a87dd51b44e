#include "serve/agent.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <future>

#include "core/error.h"
#include "serve/agent_client.h"
#include "serve/fixture.h"
#include "split/cut.h"

namespace isthmus {
namespace {

using namespace testing;

// The body of an HTTP answer from a loopback port.
std::string get(const std::string& address, const std::string& path) {
  const int port = std::stoi(address.substr(address.rfind(':') + 1));
  const int client = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(port));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string text;
  if (connect(client, reinterpret_cast<sockaddr*>(&to), sizeof(to)) == 0) {
    const std::string request = "GET " + path + " HTTP/1.0\r\n\r\n";
    send(client, request.data(), request.size(), 0);
    char buffer[4096];
    for (ssize_t count; (count = recv(client, buffer, sizeof(buffer), 0)) > 0;)
      text.append(buffer, static_cast<std::size_t>(count));
  }
  close(client);
  return text;
}

TEST(Agent, ListensOnAPortOfItsChoice) {
  Agent agent({});
  EXPECT_TRUE(agent.address().starts_with("127.0.0.1:"));
  EXPECT_NE(agent.address(), "127.0.0.1:0");
}

TEST(Agent, APortInUseIsAnError) {
  Agent first({});
  try {
    Agent second({.listen = first.address()});
    FAIL() << "should have failed";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kIo);
    EXPECT_NE(std::string(error.what()).find(first.address()), std::string::npos);
  }
}

TEST(Agent, DoesNotListenToTheWorldUnprotected) {
  EXPECT_THROW(Agent({.listen = "0.0.0.0:0"}), Error);
}

TEST(Agent, TokensAreDemanded) {
  Agent agent({.security = {.token = "secret"}});
  AgentClient stranger("edge", agent.address(), {.token = "guess"});
  EXPECT_THROW(stranger.greet(Seconds{5}), Error);
  Source source({small_cut()}, two_machines(agent.address()), {.security = {.token = "secret"}});
  EXPECT_EQ(source.ask({.input = noise_image(1)}).record.outcome, Outcome::kAnswered);
}

// Of "localhost", made anew; empty where there is no openssl to make it with.
Security certificate_in(const std::filesystem::path& folder) {
  const Security security{.authority = {},
                          .certificate = (folder / "cert.pem").string(),
                          .key = (folder / "key.pem").string(),
                          .token = "secret"};
  const std::string command =
      "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext "
      "subjectAltName=DNS:localhost -keyout " +
      security.key + " -out " + security.certificate + " >/dev/null 2>&1";
  return std::system(command.c_str()) == 0 ? security : Security{};
}

TEST(Agent, SpeaksTls) {
  const TemporaryFolder folder;
  const Security security = certificate_in(folder.path());
  if (!security.tls()) GTEST_SKIP() << "no openssl to make a certificate with";
  Agent agent({.listen = "localhost:0", .security = security});
  Source source({small_cut()}, two_machines(agent.address()),
                {.security = {.authority = security.certificate, .token = "secret"}});
  EXPECT_EQ(source.ask({.input = noise_image(1)}).record.outcome, Outcome::kAnswered);
  AgentClient plain("edge", agent.address(), {});
  EXPECT_THROW(plain.greet(Seconds{1}), Error);
  const TemporaryFolder elsewhere;
  AgentClient stranger("edge", agent.address(), certificate_in(elsewhere.path()));
  try {
    stranger.greet(Seconds{1});
    FAIL() << "another's certificate is accepted";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("certificate"), std::string::npos) << error.what();
  }
}

TEST(Agent, AgentsThatShareACertificateTrustEachOther) {
  const TemporaryFolder folder;
  const Security security = certificate_in(folder.path());
  if (!security.tls()) GTEST_SKIP() << "no openssl to make a certificate with";
  std::vector<std::unique_ptr<Agent>> agents;
  for (int i = 0; i < 2; ++i)
    agents.push_back(
        std::make_unique<Agent>(AgentOptions{.listen = "localhost:0", .security = security}));
  const std::vector<std::string> cut{"cut"};
  const LoadedPlan plan = place(cut_graph(small_network(), cut), {{"head", "b0"}, {"tail", "b1"}},
                                {}, options_for().input);
  Source source({plan}, boards(agents),
                {.local_fallback = false,
                 .security = {.authority = security.certificate, .token = "secret"}});
  EXPECT_EQ(source.ask({.input = noise_image(1)}).record.outcome, Outcome::kAnswered);
}

TEST(Agent, ItsCacheSurvivesARestart) {
  const TemporaryFolder cache;
  std::int64_t first = 0;
  {
    Agent agent({.cache = cache.path()});
    Source source({small_cut()}, two_machines(agent.address()));
    first = source.deployed_bytes().at("edge");
  }
  Agent agent({.cache = cache.path()});
  Source source({small_cut()}, two_machines(agent.address()));
  EXPECT_LT(source.deployed_bytes().at("edge"), first / 2);
  EXPECT_EQ(source.ask({.input = noise_image(1)}).record.outcome, Outcome::kAnswered);
}

TEST(Agent, CountsForPrometheus) {
  std::unique_ptr<Agent> agent;
  try {
    agent = std::make_unique<Agent>(AgentOptions{.metrics = "127.0.0.1:0"});
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::kUnsupported) GTEST_SKIP() << error.what();
    throw;
  }
  Source source({small_cut()}, two_machines(agent->address()));
  for (int i = 0; i < 3; ++i) source.ask({.input = noise_image(1)});
  const std::string text = get(agent->metrics_address(), "/metrics");
  EXPECT_NE(text.find("isthmus_frames_total 3"), std::string::npos) << text;
  EXPECT_NE(text.find("isthmus_run_seconds_count{part=\"tail\"} 3"), std::string::npos) << text;
  EXPECT_NE(text.find("isthmus_waiting_frames_count{part=\"tail\"} 3"), std::string::npos) << text;
  EXPECT_NE(text.find("isthmus_received_bytes_total{peer=\"camera\"}"), std::string::npos) << text;
}

TEST(Agent, ItsFlagsFillItsOptions) {
  AgentOptions options;
  for (const AgentFlag& flag : agent_flags(options)) {
    if (flag.name == "--memory") flag.set("2G");
    if (flag.name == "--model") flag.set("a=b.onnx");
    if (flag.name == "--listen") flag.set("127.0.0.1:7");
  }
  EXPECT_EQ(options.memory, std::int64_t{2} << 30);
  EXPECT_EQ(options.listen, "127.0.0.1:7");
  EXPECT_EQ(options.models, std::vector<std::string>{"a=b.onnx"});
  EXPECT_THROW(Agent({.models = {"nameless.onnx"}}), Error);
}

TEST(Agent, CutLinksLookLikeADeadMachineAndHeal) {
  Agent agent({});
  Source source({small_cut()}, two_machines(agent.address()), {.deadline = Seconds{6}});
  ASSERT_EQ(source.ask({.input = noise_image(1)}).record.outcome, Outcome::kAnswered);
  agent.cut_links(true);
  const auto answer = source.ask({.input = noise_image(1)});
  EXPECT_EQ(answer.record.outcome, Outcome::kAnsweredLocally);
  EXPECT_LE(answer.record.capture_to_output.count(), 6);
  agent.cut_links(false);
  EXPECT_TRUE(eventually(
      [&] { return source.ask({.input = noise_image(1)}).record.outcome == Outcome::kAnswered; }));
  EXPECT_TRUE(std::ranges::any_of(source.trace().events,
                                  [](const TraceEvent& e) { return e.kind == "alive"; }));
}

TEST(AgentClient, EndsWhatIsBrokenOff) {
  AgentClient client("pi", "127.0.0.1:1", {});
  const Seconds began = system_clock().now();
  auto greeting = std::async(std::launch::async, [&] { client.greet(Seconds{60}); });
  client.break_off();
  EXPECT_THROW(greeting.get(), Error);
  EXPECT_THROW(client.greet(Seconds{60}), Error);
  EXPECT_LT((system_clock().now() - began).count(), 30);
}

}  // namespace
}  // namespace isthmus
