#include "serve/agent.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/service_type.h>

#include <utility>

#include "core/error.h"
#include "core/interrupt.h"
#include "core/log.h"
#include "net/channel.h"
#include "net/flow_stream.h"
#include "serve/control_service.h"
#include "serve/machine.h"
#include "serve/metrics.h"
#include "serve/v2_service.h"

namespace isthmus {

struct Agent::State {
  explicit State(const AgentOptions& options)
      : machine(options, system_clock(),
                [this](const HeldPart& part, Seconds run) { times.add(part, run); }) {}

  RunTimes times;
  AgentMachine machine;
  std::unique_ptr<grpc::Service> control;
  std::unique_ptr<grpc::Service> flow;
  std::unique_ptr<grpc::Service> inference;
  std::unique_ptr<grpc::Server> server;
  std::string address;
  std::unique_ptr<MetricsEndpoint> metrics;
  std::string metrics_address;
};

namespace {

void add_models(AgentMachine& machine, const std::vector<std::string>& models) {
  for (const std::string& model : models) {
    const std::size_t sign = model.find('=');
    if (sign == std::string::npos || sign == 0)
      throw Error(ErrorKind::kInvalid, "a model is given as NAME=FILE, not \"" + model + "\"");
    machine.add_model(model.substr(0, sign), model.substr(sign + 1));
  }
}

}  // namespace

Agent::Agent(const AgentOptions& options) : state_(std::make_unique<State>(options)) {
  add_models(state_->machine, options.models);
  state_->control = make_control_service(state_->machine, options.security);
  state_->flow = make_flow_service(
      options.security,
      [machine = &state_->machine](std::shared_ptr<FlowStream> stream, const std::string& name) {
        return machine->accept(std::move(stream), name);
      });
  state_->inference = make_v2_service(state_->machine, options.security);
  if (!options.metrics.empty()) {
    state_->metrics =
        std::make_unique<MetricsEndpoint>(options.metrics, state_->machine, state_->times);
    state_->metrics_address = state_->metrics->address();
  }
  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  int port = 0;
  add_listener(builder, options.listen, options.security, AgentMachine::kMaxMessageBytes, port);
  builder.RegisterService(state_->control.get());
  builder.RegisterService(state_->flow.get());
  builder.RegisterService(state_->inference.get());
  builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
  state_->server = builder.BuildAndStart();
  if (!state_->server || port == 0)
    throw Error(ErrorKind::kIo, "cannot listen on " + options.listen +
                                    ": the port is in use, or the address is not this host's");
  state_->address = options.listen.substr(0, options.listen.rfind(':') + 1) + std::to_string(port);
}

Agent::~Agent() { stop(); }

const std::string& Agent::address() const { return state_->address; }
const std::string& Agent::metrics_address() const { return state_->metrics_address; }

void Agent::stop() {
  if (!state_->server) return;
  state_->server->Shutdown(std::chrono::system_clock::now());
  state_->server->Wait();
}

void Agent::cut_links(bool cut) { state_->machine.cut(cut); }

void run_agent(const AgentOptions& options, const std::function<void(const std::string&)>& say) {
  start_log("isthmus-agent", options.log_level);
  install_interrupt_handler();
  Agent agent(options);
  say("listening on " + agent.address());
  if (!agent.metrics_address().empty()) say("metrics on " + agent.metrics_address());
  while (!interrupted()) system_clock().sleep_for(Seconds{0.05});
  agent.stop();
}

}  // namespace isthmus
