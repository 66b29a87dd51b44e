#include <onnxruntime_cxx_api.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <map>
#include <set>

#include "core/file.h"
#include "core/text.h"
#include "engine/engine.h"
#include "engine/engine_error.h"
#include "engine/evict.h"
#include "engine/memory_budget.h"
#include "graph/by_address.h"

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

// Weights of which the model has the addresses only, and which must live as long as the session.
struct EngineWeights {
  // Read where they are. By name.
  std::map<std::string, Tensor> stay;
  // Read where they are, or laid out anew, as optimisations decide.
  std::vector<Tensor> looked_into;

  std::int64_t bytes_that_stay() const {
    std::int64_t bytes = 0;
    for (const auto& [name, tensor] : stay)
      bytes += static_cast<std::int64_t>(tensor.bytes().size());
    return bytes;
  }
};

class OrtEngine final : public Engine {
 public:
  // Either `bytes`, or `file` where that is not null. `graph` may be null; it lends its node names
  // to messages while this constructor runs.
  OrtEngine(std::string_view bytes, const std::filesystem::path* file, std::string name,
            const Graph* graph, const EngineOptions& options, EngineWeights weights = {})
      : name_(std::move(name)), patience_(options.patience), weights_(std::move(weights)) {
    check(options, name_);
    if (options.memory_limit > 0) budget_ = std::make_shared<MemoryBudget>(options.memory_limit);
    const MemoryBudget::Use use(budget_.get());
    const auto open = [&](bool prepack) {
      Ort::Env& env = environment();
      Ort::SessionOptions ort_options = session_options(options, prepack);
      weight_values_.clear();
      for (const auto& [weight, tensor] : weights_.stay)
        ort_options.AddInitializer(weight.c_str(), weight_values_.emplace_back(wrap(tensor)));
      return file ? Ort::Session(env, file->c_str(), ort_options)
                  : Ort::Session(env, bytes.data(), bytes.size(), ort_options);
    };
    try {
      if (budget_) budget_->charge(weights_.bytes_that_stay());
      try {
        // Of weights that are shared a copy would be one too many; a product with one row gains
        // nothing by it.
        session_ = open(/*prepack=*/weights_.stay.empty());
      } catch (const Ort::Exception&) {
        // The weights may fit where they and their copies together do not.
        if (!budget_ || !weights_.stay.empty()) throw;
        session_ = open(/*prepack=*/false);
      }
      if (budget_) charge_weights_in_place();
      if (budget_) idle_bytes_ = budget_->held();
      inputs_ = specs(session_.GetInputCount(), /*input=*/true);
      outputs_ = specs(session_.GetOutputCount(), /*input=*/false);
    } catch (const Ort::Exception& e) {
      throw engine_error(e.what(), name_, graph);
    } catch (const std::bad_alloc& e) {
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
    const Seconds until = system_clock().now() + patience_;
    while (true) {
      const std::int64_t before = budget_ ? budget_->held() : 0;
      std::string failure;
      try {
        auto outputs = run_once(inputs);
        note_largest(use.peak());
        return outputs;
      } catch (const Ort::Exception& e) {
        failure = e.what();
      }
      const bool lacked_memory = failure.find(kMemoryLimit) != std::string::npos;
      const std::int64_t held = std::max(before, budget_ ? budget_->held() : 0);
      if (!lacked_memory || held <= idle_bytes_ ||
          !budget_->wait_for_less(held, until - system_clock().now()))
        throw engine_error(failure, name_, nullptr);
    }
  }

  bool has_room() const override {
    return !budget_ || budget_->held() + largest_run_ <= budget_->limit();
  }

  void evict_weights() override {
    for (const auto& [name, tensor] : weights_.stay) evict_from_caches(tensor.bytes());
  }

 private:
  // An output and the budget that its memory is charged to, which must go last.
  struct Kept {
    std::shared_ptr<MemoryBudget> budget;
    Ort::Value value;
  };

  void note_largest(std::int64_t bytes) {
    std::int64_t largest = largest_run_;
    while (bytes > largest && !largest_run_.compare_exchange_weak(largest, bytes)) {
    }
  }

  std::vector<Tensor> run_once(std::span<const Tensor> inputs) {
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
  }

  // Weights that were looked into and have no copy in the session are read where they are, too.
  void charge_weights_in_place() {
    std::int64_t bytes = weights_.bytes_that_stay() - budget_->held();
    for (const Tensor& tensor : weights_.looked_into)
      bytes += static_cast<std::int64_t>(tensor.bytes().size());
    if (bytes > 0) budget_->charge(bytes);
  }

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
  const Seconds patience_;
  // Held while nothing runs and nobody keeps an output.
  std::int64_t idle_bytes_ = 0;
  // Bytes that a run took at most.
  std::atomic<std::int64_t> largest_run_ = 0;
  // Before the session, which reads them where they are.
  EngineWeights weights_;
  std::deque<Ort::Value> weight_values_;
  // Before the session, whose memory is charged to it.
  std::shared_ptr<MemoryBudget> budget_;
  Ort::MemoryInfo memory_info_ = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
  Ort::Session session_{nullptr};
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

constexpr std::size_t kMinAddressedBytes = 64 << 10;
constexpr std::uintptr_t kWeightAlignment = 16;

bool can_be_addressed(const Initializer& initializer) {
  const auto bytes = initializer.tensor.bytes();
  return initializer.opaque.empty() && bytes.size() >= kMinAddressedBytes &&
         reinterpret_cast<std::uintptr_t>(bytes.data()) % kWeightAlignment == 0;
}

// Weights that a session reads where they are: of large matrix products, which no optimisation
// looks into (those of convolutions are laid out anew). By name.
std::map<std::string, Tensor> weights_that_stay(const Graph& graph) {
  std::map<std::string, Tensor> stay;
  std::set<std::string> others;
  for (const Node& node : graph.nodes) {
    const bool is_product = node.domain.empty() && (node.op == "Gemm" || node.op == "MatMul");
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const auto initializer = graph.initializers.find(node.inputs[i]);
      if (initializer == graph.initializers.end()) continue;
      if (is_product && i == 1 && can_be_addressed(initializer->second))
        stay.emplace(node.inputs[i], initializer->second.tensor);
      else
        others.insert(node.inputs[i]);
    }
  }
  std::erase_if(stay, [&](const auto& weight) {
    return others.contains(weight.first) || graph.find_output(weight.first) != nullptr;
  });
  return stay;
}

// The session gets the addresses of all large weights: a model with the weights in it would be held
// three times while it is loaded (the bytes, the parsed message, the session's tensors). Nothing
// where ONNX Runtime takes no addresses, or there is no room for a small file; a limit that such a
// session passes, any other would pass, too.
std::unique_ptr<Engine> engine_by_address(const Graph& graph, const EngineOptions& options) {
  EngineWeights weights{.stay = weights_that_stay(graph)};
  std::set<std::string> names;
  for (const auto& [name, initializer] : graph.initializers) {
    if (!can_be_addressed(initializer)) continue;
    names.insert(name);
    if (!weights.stay.contains(name)) weights.looked_into.push_back(initializer.tensor);
  }
  if (names.empty()) return nullptr;
  try {
    // Optimisations that look into a weight want a model that has a path.
    const TemporaryFolder folder;
    const auto file = folder.path() / "model.onnx";
    write_file(file, to_onnx_by_address(graph, names));
    return std::make_unique<OrtEngine>(std::string_view{}, &file, graph.name, &graph, options,
                                       std::move(weights));
  } catch (const Error& error) {
    if (options.memory_limit > 0 && error.kind() != ErrorKind::kIo) throw;
    return nullptr;
  }
}

}  // namespace

std::unique_ptr<Engine> make_engine(const Graph& graph, const EngineOptions& options) {
  const std::int64_t needed = weight_bytes(graph);
  if (options.memory_limit > 0 && needed > options.memory_limit)
    throw Error(ErrorKind::kUnsupported,
                graph.name + ": memory limit of " +
                    format_bytes(static_cast<double>(options.memory_limit)) +
                    " exceeded: the weights alone take " +
                    format_bytes(static_cast<double>(needed)));
  // The way below says what is wrong if it is something else than the addresses.
  if (auto engine = engine_by_address(graph, options)) return engine;
  if (needed < kMaxSerialised)
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
