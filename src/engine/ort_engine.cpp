#include <onnxruntime_cxx_api.h>

#include <filesystem>

#include "core/file.h"
#include "engine/engine.h"
#include "engine/engine_error.h"
#include "engine/memory_budget.h"

namespace isthmus {
namespace {

// protobuf refuses messages of 2 GiB; larger models go by way of a file with external data.
constexpr std::int64_t kMaxSerialised = (std::int64_t{1} << 31) - (std::int64_t{64} << 20);

void discard_log(void*, OrtLoggingLevel, const char*, const char*, const char*, const char*) {}

// One per process, never destroyed: engines may live in objects with static storage.
Ort::Env& environment() {
  static Ort::Env* env = [] {
    auto* created = new Ort::Env(ORT_LOGGING_LEVEL_FATAL, "isthmus", discard_log, nullptr);
    register_budget_allocator(*created);
    return created;
  }();
  return *env;
}

DType dtype_from_ort(ONNXTensorElementDataType type) {
  switch (type) {
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT: return DType::kF32;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8: return DType::kU8;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8: return DType::kI8;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT16: return DType::kU16;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16: return DType::kI16;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32: return DType::kI32;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64: return DType::kI64;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING: return DType::kString;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL: return DType::kBool;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16: return DType::kF16;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE: return DType::kF64;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32: return DType::kU32;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT64: return DType::kU64;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16: return DType::kBF16;
    default: return DType::kUndefined;
  }
}

ONNXTensorElementDataType ort_from_dtype(DType type) {
  for (int value = ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
       value <= ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16; ++value)
    if (dtype_from_ort(static_cast<ONNXTensorElementDataType>(value)) == type)
      return static_cast<ONNXTensorElementDataType>(value);
  return ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
}

// `prepack`: kernels make copies of their weights that they read faster, and the originals go
// afterwards.
Ort::SessionOptions session_options(const EngineOptions& options, bool prepack) {
  Ort::SessionOptions result;
  result.SetIntraOpNumThreads(options.threads);
  result.SetInterOpNumThreads(1);
  result.SetExecutionMode(ORT_SEQUENTIAL);
  result.SetGraphOptimizationLevel(options.optimise ? ORT_ENABLE_ALL : ORT_DISABLE_ALL);
  result.SetLogSeverityLevel(ORT_LOGGING_LEVEL_FATAL);
  result.AddConfigEntry("session.intra_op.allow_spinning", "0");
  result.AddConfigEntry("session.inter_op.allow_spinning", "0");
  if (options.memory_limit > 0) result.AddConfigEntry("session.use_env_allocators", "1");
  if (!prepack) result.AddConfigEntry("session.disable_prepacking", "1");
  return result;
}

void check(const EngineOptions& options, const std::string& name) {
  if (options.threads < 1)
    throw Error(ErrorKind::kInvalid,
                name + ": threads must be at least 1: " + std::to_string(options.threads));
  if (options.memory_limit < 0)
    throw Error(ErrorKind::kInvalid, name + ": the memory limit must not be negative: " +
                                         std::to_string(options.memory_limit));
}

std::string describe(DType type, const Shape& shape) {
  return std::string(to_string(type)) + ' ' + to_string(shape);
}

bool fits(const Shape& wanted, const Shape& given) {
  if (wanted.size() != given.size()) return false;
  for (std::size_t i = 0; i < wanted.size(); ++i)
    if (wanted[i] >= 0 && wanted[i] != given[i]) return false;
  return true;
}

class OrtEngine final : public Engine {
 public:
  // Either `bytes`, or `file` where that is not null.
  // `graph` may be null; it lends its node names to messages while this constructor runs.
  OrtEngine(std::string_view bytes, const std::filesystem::path* file, std::string name,
            const Graph* graph, const EngineOptions& options)
      : name_(std::move(name)) {
    check(options, name_);
    if (options.memory_limit > 0) budget_ = std::make_shared<MemoryBudget>(options.memory_limit);
    const MemoryBudget::Use use(budget_.get());
    const auto open = [&](bool prepack) {
      Ort::Env& env = environment();
      const Ort::SessionOptions ort_options = session_options(options, prepack);
      return file ? Ort::Session(env, file->c_str(), ort_options)
                  : Ort::Session(env, bytes.data(), bytes.size(), ort_options);
    };
    try {
      try {
        session_ = open(/*prepack=*/true);
      } catch (const Ort::Exception&) {
        // The weights may fit where they and their copies together do not.
        if (!budget_) throw;
        session_ = open(/*prepack=*/false);
      }
      inputs_ = specs(session_.GetInputCount(), /*input=*/true);
      outputs_ = specs(session_.GetOutputCount(), /*input=*/false);
    } catch (const Ort::Exception& e) {
      throw engine_error(e.what(), name_, graph);
    }
    for (const TensorSpec& spec : inputs_) input_names_.push_back(spec.name.c_str());
    for (const TensorSpec& spec : outputs_) output_names_.push_back(spec.name.c_str());
  }

  const std::vector<TensorSpec>& inputs() const override { return inputs_; }
  const std::vector<TensorSpec>& outputs() const override { return outputs_; }

  std::vector<Tensor> run(std::span<const Tensor> inputs) override {
    check_inputs(inputs);
    const MemoryBudget::Use use(budget_.get());
    try {
      std::vector<Ort::Value> values;
      values.reserve(inputs.size());
      for (const Tensor& tensor : inputs) values.push_back(wrap(tensor));
      std::vector<Ort::Value> results =
          session_.Run(Ort::RunOptions{nullptr}, input_names_.data(), values.data(), values.size(),
                       output_names_.data(), output_names_.size());
      std::vector<Tensor> tensors;
      tensors.reserve(results.size());
      for (std::size_t i = 0; i < results.size(); ++i)
        tensors.push_back(unwrap(std::move(results[i]), outputs_[i].name));
      return tensors;
    } catch (const Ort::Exception& e) {
      throw engine_error(e.what(), name_, nullptr);
    }
  }

 private:
  // An output and the budget that its memory is charged to, which must go last.
  struct Kept {
    std::shared_ptr<MemoryBudget> budget;
    Ort::Value value;
  };

  std::vector<TensorSpec> specs(std::size_t count, bool input) const {
    Ort::AllocatorWithDefaultOptions allocator;
    std::vector<TensorSpec> result;
    for (std::size_t i = 0; i < count; ++i) {
      const auto name = input ? session_.GetInputNameAllocated(i, allocator)
                              : session_.GetOutputNameAllocated(i, allocator);
      const Ort::TypeInfo info =
          input ? session_.GetInputTypeInfo(i) : session_.GetOutputTypeInfo(i);
      if (info.GetONNXType() != ONNX_TYPE_TENSOR)
        throw Error(ErrorKind::kUnsupported, name_ + ": " + (input ? "input " : "output ") +
                                                 name.get() +
                                                 " is no tensor (sequence, map or optional)");
      const auto tensor = info.GetTensorTypeAndShapeInfo();
      TensorSpec spec{.name = name.get(),
                      .dtype = dtype_from_ort(tensor.GetElementType()),
                      .shape = tensor.GetShape()};
      if (byte_size(spec.dtype) == 0)
        throw Error(ErrorKind::kUnsupported, name_ + ": " + (input ? "input " : "output ") +
                                                 spec.name +
                                                 " has elements that this program does not take: " +
                                                 std::string(to_string(spec.dtype)));
      result.push_back(std::move(spec));
    }
    return result;
  }

  void check_inputs(std::span<const Tensor> inputs) const {
    if (inputs.size() != inputs_.size())
      throw Error(ErrorKind::kInvalid, name_ + ": " + std::to_string(inputs_.size()) +
                                           " inputs wanted, got " + std::to_string(inputs.size()));
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const TensorSpec& spec = inputs_[i];
      if (inputs[i].dtype() != spec.dtype || !fits(spec.shape, inputs[i].shape()))
        throw Error(ErrorKind::kInvalid, name_ + ": input " + spec.name + " must be " +
                                             describe(spec.dtype, spec.shape) + ", got " +
                                             describe(inputs[i].dtype(), inputs[i].shape()));
    }
  }

  // ONNX Runtime reads inputs only; its interface wants a mutable pointer all the same.
  Ort::Value wrap(const Tensor& tensor) const {
    const auto bytes = tensor.bytes();
    return Ort::Value::CreateTensor(memory_info_, const_cast<std::byte*>(bytes.data()),
                                    bytes.size(), tensor.shape().data(), tensor.shape().size(),
                                    ort_from_dtype(tensor.dtype()));
  }

  Tensor unwrap(Ort::Value value, const std::string& name) const {
    const auto info = value.GetTensorTypeAndShapeInfo();
    const DType dtype = dtype_from_ort(info.GetElementType());
    Shape shape = info.GetShape();
    const std::size_t size = info.GetElementCount() * byte_size(dtype);
    if (byte_size(dtype) == 0)
      throw Error(ErrorKind::kUnsupported, name_ + ": output " + name + " holds no numbers");
    const auto* data = static_cast<const std::byte*>(value.GetTensorRawData());
    auto owner = std::make_shared<Kept>(Kept{budget_, std::move(value)});
    return Tensor::adopt(dtype, std::move(shape), {data, size}, std::move(owner));
  }

  std::string name_;
  // Before the session, whose memory is charged to it.
  std::shared_ptr<MemoryBudget> budget_;
  Ort::Session session_{nullptr};
  Ort::MemoryInfo memory_info_ = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
  std::vector<TensorSpec> inputs_;
  std::vector<TensorSpec> outputs_;
  std::vector<const char*> input_names_;
  std::vector<const char*> output_names_;
};

std::int64_t weight_bytes(const Graph& graph) {
  std::int64_t bytes = 0;
  for (const auto& [name, initializer] : graph.initializers)
    bytes +=
        static_cast<std::int64_t>(initializer.tensor.bytes().size() + initializer.opaque.size());
  return bytes;
}

}  // namespace

std::unique_ptr<Engine> make_engine(const Graph& graph, const EngineOptions& options) {
  if (weight_bytes(graph) < kMaxSerialised)
    return std::make_unique<OrtEngine>(to_onnx(graph), nullptr, graph.name, &graph, options);
  const TemporaryFolder folder;
  const auto file = folder.path() / "model.onnx";
  save_graph(graph, file);
  return std::make_unique<OrtEngine>(std::string_view{}, &file, graph.name, &graph, options);
}

std::unique_ptr<Engine> make_engine(std::string_view onnx_bytes, const std::string& name,
                                    const EngineOptions& options) {
  return std::make_unique<OrtEngine>(onnx_bytes, nullptr, name, nullptr, options);
}

}  // namespace isthmus
