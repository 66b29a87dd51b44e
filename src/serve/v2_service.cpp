#include "serve/v2_service.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "core/error.h"
#include "core/text.h"
#include "net/channel.h"
#include "net/v2_tensor.h"
#include "open_inference.grpc.pb.h"

namespace isthmus {
namespace {

using Input = inference::ModelInferRequest::InferInputTensor;

// The newest of the versions that fit; an empty version fits all.
std::optional<AgentMachine::Model> look_up(const AgentMachine& machine, const std::string& name,
                                           const std::string& version) {
  std::optional<AgentMachine::Model> found;
  for (AgentMachine::Model& model : machine.models())
    if (model.name == name && (version.empty() || model.version == version))
      found = std::move(model);
  return found;
}

AgentMachine::Model find_model(const AgentMachine& machine, const std::string& name,
                               const std::string& version) {
  if (auto found = look_up(machine, name, version)) return *std::move(found);
  std::vector<std::string> names;
  for (const AgentMachine::Model& model : machine.models()) names.push_back(model.name);
  if (std::ranges::find(names, name) != names.end())
    throw Error(ErrorKind::kNotFound, "model " + name + " has no version " + version);
  throw Error(ErrorKind::kNotFound, "no model \"" + name + "\" here" + suggestion(name, names));
}

void add_metadata(const TensorSpec& spec,
                  inference::ModelMetadataResponse::TensorMetadata& metadata) {
  metadata.set_name(spec.name);
  metadata.set_datatype(std::string(v2_datatype(spec.dtype)));
  for (const std::int64_t extent : spec.shape) metadata.add_shape(extent);
}

Tensor read_input(const inference::ModelInferRequest& request, int index) {
  const Input& input = request.inputs(index);
  const DType type = dtype_from_v2(input.datatype());
  Shape shape(input.shape().begin(), input.shape().end());
  if (request.raw_input_contents_size() == 0)
    return tensor_from_contents(input.name(), type, shape, input.contents());
  if (request.raw_input_contents_size() != request.inputs_size())
    throw Error(ErrorKind::kInvalid, "raw_input_contents must be given for all " +
                                         std::to_string(request.inputs_size()) +
                                         " inputs or for none");
  // The request outlives the run.
  return tensor_from_raw(input.name(), type, std::move(shape), request.raw_input_contents(index),
                         std::shared_ptr<const void>(std::shared_ptr<void>(), &request));
}

std::vector<Tensor> read_inputs(const inference::ModelInferRequest& request,
                                const AgentMachine::Model& model) {
  const auto& specs = model.part->engine->inputs();
  std::vector<Tensor> tensors(specs.size());
  for (int i = 0; i < request.inputs_size(); ++i) {
    const std::string& name = request.inputs(i).name();
    const auto spec = std::ranges::find(specs, name, &TensorSpec::name);
    if (spec == specs.end()) {
      std::vector<std::string> names;
      for (const TensorSpec& known : specs) names.push_back(known.name);
      throw Error(ErrorKind::kInvalid, "model " + model.name + " has no input \"" + name + "\"" +
                                           suggestion(name, names));
    }
    tensors[static_cast<std::size_t>(spec - specs.begin())] = read_input(request, i);
  }
  for (std::size_t i = 0; i < specs.size(); ++i)
    if (tensors[i].empty())
      throw Error(ErrorKind::kInvalid, "model " + model.name + " needs the input " + specs[i].name);
  return tensors;
}

bool is_wanted(const inference::ModelInferRequest& request, const std::string& output) {
  return request.outputs_size() == 0 ||
         std::ranges::any_of(request.outputs(),
                             [&](const auto& wanted) { return wanted.name() == output; });
}

void infer(AgentMachine& machine, const inference::ModelInferRequest& request,
           inference::ModelInferResponse& response) {
  const AgentMachine::Model model =
      find_model(machine, request.model_name(), request.model_version());
  const auto& specs = model.part->engine->outputs();
  for (const auto& wanted : request.outputs())
    if (std::ranges::find(specs, wanted.name(), &TensorSpec::name) == specs.end())
      throw Error(ErrorKind::kInvalid,
                  "model " + model.name + " has no output \"" + wanted.name() + "\"");
  const std::vector<Tensor> outputs = machine.run(*model.part, read_inputs(request, model));
  response.set_model_name(model.name);
  response.set_model_version(model.version);
  response.set_id(request.id());
  for (std::size_t i = 0; i < specs.size(); ++i) {
    if (!is_wanted(request, specs[i].name)) continue;
    auto& output = *response.add_outputs();
    output.set_name(specs[i].name);
    output.set_datatype(std::string(v2_datatype(outputs[i].dtype())));
    for (const std::int64_t extent : outputs[i].shape()) output.add_shape(extent);
    const auto bytes = outputs[i].bytes();
    response.add_raw_output_contents(bytes.data(), bytes.size());
  }
}

class V2Service final : public inference::GRPCInferenceService::Service {
 public:
  V2Service(AgentMachine& machine, const Security& security)
      : machine_(machine), security_(security) {}

  grpc::Status ServerLive(grpc::ServerContext* context, const inference::ServerLiveRequest*,
                          inference::ServerLiveResponse* response) override {
    return answer(*context, [&] { response->set_live(true); });
  }
  grpc::Status ServerReady(grpc::ServerContext* context, const inference::ServerReadyRequest*,
                           inference::ServerReadyResponse* response) override {
    return answer(*context, [&] { response->set_ready(true); });
  }
  grpc::Status ModelReady(grpc::ServerContext* context, const inference::ModelReadyRequest* request,
                          inference::ModelReadyResponse* response) override {
    return answer(*context, [&] {
      response->set_ready(look_up(machine_, request->name(), request->version()).has_value());
    });
  }
  grpc::Status ServerMetadata(grpc::ServerContext* context, const inference::ServerMetadataRequest*,
                              inference::ServerMetadataResponse* response) override {
    return answer(*context, [&] {
      response->set_name("isthmus-agent");
      response->set_version(std::string(kVersion));
    });
  }
  grpc::Status ModelMetadata(grpc::ServerContext* context,
                             const inference::ModelMetadataRequest* request,
                             inference::ModelMetadataResponse* response) override {
    return answer(*context, [&] {
      const AgentMachine::Model model = find_model(machine_, request->name(), request->version());
      response->set_name(model.name);
      for (const AgentMachine::Model& other : machine_.models())
        if (other.name == model.name) response->add_versions(other.version);
      response->set_platform("onnxruntime_onnx");
      for (const TensorSpec& spec : model.part->engine->inputs())
        add_metadata(spec, *response->add_inputs());
      for (const TensorSpec& spec : model.part->engine->outputs())
        add_metadata(spec, *response->add_outputs());
    });
  }
  grpc::Status ModelInfer(grpc::ServerContext* context, const inference::ModelInferRequest* request,
                          inference::ModelInferResponse* response) override {
    return answer(*context, [&] { infer(machine_, *request, *response); });
  }

 private:
  template <typename Work>
  grpc::Status answer(const grpc::ServerContext& context, const Work& work) {
    if (!is_authorised(context, security_))
      return {grpc::StatusCode::UNAUTHENTICATED, "wrong or missing token"};
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

std::unique_ptr<grpc::Service> make_v2_service(AgentMachine& machine, const Security& security) {
  return std::make_unique<V2Service>(machine, security);
}

}  // namespace isthmus
