#include "net/remote_engine.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>

#include "core/error.h"
#include "net/channel.h"
#include "net/v2_tensor.h"
#include "open_inference.grpc.pb.h"

namespace isthmus {
namespace {

using inference::GRPCInferenceService;
using inference::ModelInferRequest;
using inference::ModelInferResponse;
using inference::ModelMetadataRequest;
using inference::ModelMetadataResponse;

bool fits(const Shape& wanted, const Shape& given) {
  return std::ranges::equal(wanted, given,
                            [](std::int64_t w, std::int64_t g) { return w < 0 || w == g; });
}

std::string describe(DType type, const Shape& shape) {
  return std::string(to_string(type)) + ' ' + to_string(shape);
}

class RemoteEngine final : public Engine {
 public:
  RemoteEngine(const std::string& address, std::string model, RemoteEngineOptions options)
      : where_(model + " at " + address), model_(std::move(model)), options_(std::move(options)) {
    if (!(options_.deadline.count() > 0))
      throw Error(ErrorKind::kInvalid, where_ + ": the deadline must be positive");
    stub_ = GRPCInferenceService::NewStub(open_channel(
        address, options_.security, {.max_message_bytes = options_.max_message_bytes}));
    read_metadata();
  }

  const std::vector<TensorSpec>& inputs() const override { return inputs_; }
  const std::vector<TensorSpec>& outputs() const override { return outputs_; }

  std::vector<Tensor> run(std::span<const Tensor> inputs) override {
    const ModelInferRequest request = make_request(inputs);
    grpc::ClientContext context;
    prepare_call(context, options_.security, options_.deadline);
    auto response = std::make_shared<ModelInferResponse>();
    throw_if_failed(stub_->ModelInfer(&context, request, response.get()), where_);
    return read_response(response);
  }

 private:
  [[noreturn]] void bad_answer(const std::string& what) const {
    throw Error(ErrorKind::kUnavailable, where_ + ": the server's answer is wrong: " + what);
  }

  void read_metadata() {
    ModelMetadataRequest request;
    request.set_name(model_);
    request.set_version(options_.version);
    ModelMetadataResponse response;
    grpc::ClientContext context;
    prepare_call(context, options_.security, options_.deadline);
    throw_if_failed(stub_->ModelMetadata(&context, request, &response), where_);
    const auto read = [](const auto& tensors) {
      std::vector<TensorSpec> specs;
      for (const auto& tensor : tensors)
        specs.push_back({.name = tensor.name(),
                         .dtype = dtype_from_v2(tensor.datatype()),
                         .shape = Shape(tensor.shape().begin(), tensor.shape().end())});
      return specs;
    };
    inputs_ = read(response.inputs());
    outputs_ = read(response.outputs());
    if (outputs_.empty()) bad_answer("its metadata names no outputs");
  }

  ModelInferRequest make_request(std::span<const Tensor> inputs) const {
    if (inputs.size() != inputs_.size())
      throw Error(ErrorKind::kInvalid, where_ + ": " + std::to_string(inputs_.size()) +
                                           " inputs wanted, got " + std::to_string(inputs.size()));
    ModelInferRequest request;
    request.set_model_name(model_);
    request.set_model_version(options_.version);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const TensorSpec& spec = inputs_[i];
      const Tensor& tensor = inputs[i];
      if (tensor.dtype() != spec.dtype || !fits(spec.shape, tensor.shape()))
        throw Error(ErrorKind::kInvalid, where_ + ": input " + spec.name + " must be " +
                                             describe(spec.dtype, spec.shape) + ", got " +
                                             describe(tensor.dtype(), tensor.shape()));
      auto* input = request.add_inputs();
      input->set_name(spec.name);
      input->set_datatype(std::string(v2_datatype(spec.dtype)));
      input->mutable_shape()->Add(tensor.shape().begin(), tensor.shape().end());
      request.add_raw_input_contents(tensor.bytes().data(), tensor.bytes().size());
    }
    return request;
  }

  // The tensors keep the response alive rather than copy its bytes.
  std::vector<Tensor> read_response(const std::shared_ptr<ModelInferResponse>& response) const {
    const bool raw = response->raw_output_contents_size() > 0;
    if (raw && response->raw_output_contents_size() != response->outputs_size())
      bad_answer(std::to_string(response->outputs_size()) + " outputs, " +
                 std::to_string(response->raw_output_contents_size()) + " raw contents");
    std::vector<Tensor> tensors;
    for (const TensorSpec& spec : outputs_) {
      const int index = index_of(*response, spec.name);
      const auto& output = response->outputs(index);
      const Shape shape(output.shape().begin(), output.shape().end());
      if (output.datatype() != v2_datatype(spec.dtype) || !fits(spec.shape, shape))
        bad_answer("output " + spec.name + " is " + output.datatype() + ' ' + to_string(shape) +
                   ", not " + describe(spec.dtype, spec.shape));
      try {
        tensors.push_back(
            raw ? tensor_from_raw(spec.name, spec.dtype, shape,
                                  response->raw_output_contents(index), response)
                : tensor_from_contents(spec.name, spec.dtype, shape, output.contents()));
      } catch (const Error& e) {
        bad_answer(e.what());
      }
    }
    return tensors;
  }

  int index_of(const ModelInferResponse& response, const std::string& name) const {
    for (int i = 0; i < response.outputs_size(); ++i)
      if (response.outputs(i).name() == name) return i;
    bad_answer("output " + name + " is missing");
  }

  std::string where_;
  std::string model_;
  RemoteEngineOptions options_;
  std::unique_ptr<GRPCInferenceService::Stub> stub_;
  std::vector<TensorSpec> inputs_;
  std::vector<TensorSpec> outputs_;
};

}  // namespace

std::unique_ptr<Engine> make_remote_engine(const std::string& address, const std::string& model,
                                           const RemoteEngineOptions& options) {
  return std::make_unique<RemoteEngine>(address, model, options);
}

}  // namespace isthmus
