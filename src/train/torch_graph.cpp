#include "train/torch_graph.h"

#include <algorithm>
#include <cassert>
#include <unordered_map>

#include "core/error.h"
#include "core/text.h"
#include "train/torch_error.h"
#include "train/torch_operator.h"
#include "train/torch_roles.h"
#include "train/torch_tensor.h"

namespace isthmus {
namespace {

constexpr std::size_t kOmitted = static_cast<std::size_t>(-1);

// A node ready to run: its tensors by number.
struct TorchStep {
  const Node* node;
  const TorchOperator* op;
  std::vector<std::size_t> inputs, outputs;
  // The scale and shift of a BatchNormalization.
  std::vector<std::string> affine;
  // Set by train_only.
  bool trains = false;
};

// What a call of `forward` runs, and what is no longer needed after each step.
struct TorchSchedule {
  struct Entry {
    std::size_t step;
    std::vector<std::size_t> release;
  };
  std::vector<Entry> entries;
  // Tensors that somebody needs; other outputs are dropped at once.
  std::vector<char> needed;
  // Of the graph, by number.
  std::vector<std::size_t> inputs;
};

}  // namespace

class TorchGraph::Impl {
 public:
  Impl(const Graph& graph, torch::Device device) : graph_(graph), device_(device) {
    separate_statistics(graph_);
    number_tensors();
    make_steps();
    place_constants();
  }

  TorchValues forward(const TorchValues& inputs, const std::vector<std::string>& wanted);
  void train_only(const std::set<std::string>& names);
  void set_training(bool training) { training_ = training; }
  Graph trained() const;

  const TorchValues& parameters() const { return parameters_; }
  const TorchValues& buffers() const { return buffers_; }

 private:
  void number_tensors();
  void make_steps();
  void place_constants();
  torch::Tensor placed(const std::string& name, const Tensor& tensor, bool host) const;
  torch::Tensor given_input(const NamedValue& expected, const TorchValues& inputs) const;
  std::vector<std::string> inner_tensors(const TorchValues& inputs) const;
  const TorchSchedule& schedule_of(const std::vector<std::string>& wanted,
                                   const std::vector<std::string>& given);
  TorchSchedule make_schedule(const std::vector<std::string>& wanted,
                              const std::vector<std::string>& given) const;
  TorchTensors run(const TorchStep& step, const TorchTensors& values) const;
  void move_to_device(const TorchStep& step, TorchTensors& inputs) const;

  Graph graph_;
  torch::Device device_;
  bool training_ = false;
  std::unordered_map<std::string, std::size_t> numbers_;
  std::vector<TorchStep> steps_;
  // By number; undefined for all that is computed.
  TorchTensors constants_;
  TorchValues parameters_;
  TorchValues buffers_;
  // By the tensors wanted and the inner ones given.
  std::map<std::pair<std::vector<std::string>, std::vector<std::string>>, TorchSchedule> schedules_;
};

// Initializers, inputs, then node outputs in order.
void TorchGraph::Impl::number_tensors() {
  for (const auto& [name, _] : graph_.initializers) numbers_.emplace(name, numbers_.size());
  for (const std::string& name : graph_.tensors()) numbers_.emplace(name, numbers_.size());
}

void TorchGraph::Impl::make_steps() {
  const auto number_of = [&](const std::string& name) {
    return name.empty() ? kOmitted : numbers_.at(name);
  };
  for (const Node& node : graph_.nodes) {
    const TorchOperator* op = find_torch_operator(node);
    if (!op)
      throw Error(ErrorKind::kUnsupported,
                  describe(node) + ": training has no such operator" +
                      (node.domain.empty() ? "" : " of the domain " + node.domain) +
                      "; export the network with plain ONNX operators, or cut it and train the "
                      "part without this node");
    TorchStep step{.node = &node, .op = op};
    for (const std::string& input : node.inputs) step.inputs.push_back(number_of(input));
    for (const std::string& output : node.outputs) step.outputs.push_back(number_of(output));
    if (node.op == "BatchNormalization" && node.inputs.size() > 2)
      step.affine = {node.inputs[1], node.inputs[2]};
    steps_.push_back(std::move(step));
  }
}

// Numbers that decide about shapes stay with the host, and so do whole numbers: what a gradient
// flows through is never whole. Filters lie in memory as the images that they meet.
torch::Tensor TorchGraph::Impl::placed(const std::string& name, const Tensor& tensor,
                                       bool host) const {
  try {
    torch::Tensor value = to_torch(tensor);
    if (host || !value.is_floating_point()) return value;
    value = value.to(device_);
    const bool filters = value.dim() == 4 && device_.is_cpu();
    return filters ? value.contiguous(at::MemoryFormat::ChannelsLast) : value;
  } catch (const Error& error) {
    throw Error(error.kind(), "initializer " + name + ": " + error.what());
  } catch (const c10::Error& error) {
    throw Error(ErrorKind::kUnavailable,
                "device " + device_.str() + " cannot be used: " + first_line(error));
  }
}

void TorchGraph::Impl::place_constants() {
  const InitializerRoles roles = initializer_roles(graph_);
  constants_.resize(numbers_.size());
  for (const auto& [name, initializer] : graph_.initializers) {
    // Strings and the like are missed only if a node that is run needs them.
    if (!initializer.opaque.empty()) continue;
    const torch::Tensor value = placed(name, initializer.tensor, roles.host.contains(name));
    constants_[numbers_.at(name)] = value;
    if (roles.parameters.contains(name)) parameters_[name] = value;
    if (roles.statistics.contains(name)) buffers_[name] = value;
  }
}

TorchSchedule TorchGraph::Impl::make_schedule(const std::vector<std::string>& wanted,
                                              const std::vector<std::string>& given) const {
  TorchSchedule schedule;
  std::vector<char> there(numbers_.size(), 0);
  for (const std::string& name : given) there[numbers_.at(name)] = 1;
  schedule.needed.assign(numbers_.size(), 0);
  std::vector<char> kept(numbers_.size(), 0);
  for (const std::string& name : wanted) {
    const auto found = numbers_.find(name);
    if (found == numbers_.end()) {
      std::vector<std::string> names = graph_.tensors();
      throw Error(ErrorKind::kNotFound,
                  graph_.name + " has no tensor " + name + suggestion(name, names));
    }
    schedule.needed[found->second] = kept[found->second] = 1;
  }
  std::vector<char> last_use_seen = kept;
  for (std::size_t i = steps_.size(); i-- > 0;) {
    const TorchStep& step = steps_[i];
    const auto is_needed = [&](std::size_t t) {
      return t != kOmitted && schedule.needed[t] && !there[t];
    };
    if (std::ranges::none_of(step.outputs, is_needed)) continue;
    TorchSchedule::Entry entry{.step = i};
    for (const std::size_t input : step.inputs) {
      if (input == kOmitted) continue;
      schedule.needed[input] = 1;
      if (!last_use_seen[input] && !constants_[input].defined()) entry.release.push_back(input);
      last_use_seen[input] = 1;
    }
    schedule.entries.push_back(std::move(entry));
  }
  std::ranges::reverse(schedule.entries);
  for (std::size_t i = 0; i < graph_.inputs.size(); ++i)
    if (schedule.needed[numbers_.at(graph_.inputs[i].name)]) schedule.inputs.push_back(i);
  return schedule;
}

std::vector<std::string> TorchGraph::Impl::inner_tensors(const TorchValues& inputs) const {
  std::vector<std::string> inner;
  for (const auto& [name, tensor] : inputs)
    if (numbers_.contains(name) && graph_.producer_of(name) >= 0) inner.push_back(name);
  return inner;
}

const TorchSchedule& TorchGraph::Impl::schedule_of(const std::vector<std::string>& wanted,
                                                   const std::vector<std::string>& given) {
  const auto found = schedules_.find({wanted, given});
  if (found != schedules_.end()) return found->second;
  return schedules_.emplace(std::pair(wanted, given), make_schedule(wanted, given)).first->second;
}

// The batch may be another than the file's; whether the network bears it shows when it runs.
torch::Tensor TorchGraph::Impl::given_input(const NamedValue& expected,
                                            const TorchValues& inputs) const {
  const auto found = inputs.find(expected.name);
  if (found == inputs.end() || !found->second.defined())
    throw Error(ErrorKind::kInvalid, "input " + expected.name + " is missing");
  const torch::Tensor& given = found->second;
  const Value& value = expected.value;
  const Shape shape(given.sizes().begin(), given.sizes().end());
  bool fits = !value.has_shape || value.shape.size() == shape.size();
  for (std::size_t i = 1; fits && value.has_shape && i < shape.size(); ++i)
    fits = value.shape[i] < 0 || value.shape[i] == shape[i];
  if (value.dtype != DType::kUndefined) fits &= torch_type(value.dtype) == given.scalar_type();
  if (!fits)
    throw Error(ErrorKind::kInvalid,
                "input " + expected.name + " is " + c10::toString(given.scalar_type()) + ' ' +
                    to_string(shape) + ", not " + std::string(to_string(value.dtype)) + ' ' +
                    to_string(value.shape));
  if (!given.is_floating_point()) return given;
  const torch::Tensor here = given.to(device_);
  if (here.dim() != 4 || !device_.is_cpu()) return here;
  return here.contiguous(at::MemoryFormat::ChannelsLast);
}

// Everything where the data is, but for what the host reads.
void TorchGraph::Impl::move_to_device(const TorchStep& step, TorchTensors& inputs) const {
  bool any = false;
  for (std::size_t i = 0; i < inputs.size(); ++i)
    any |= inputs[i].defined() && !contains(step.op->host, i) && !inputs[i].device().is_cpu();
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].defined()) continue;
    if (contains(step.op->host, i)) {
      inputs[i] = inputs[i].cpu();
    } else if (any) {
      inputs[i] = inputs[i].to(device_);
    }
  }
}

TorchTensors TorchGraph::Impl::run(const TorchStep& step, const TorchTensors& values) const {
  TorchTensors inputs;
  inputs.reserve(step.inputs.size());
  for (const std::size_t input : step.inputs)
    inputs.push_back(input == kOmitted ? torch::Tensor() : values[input]);
  if (!device_.is_cpu()) move_to_device(step, inputs);
  const bool trains = training_ && (step.affine.empty() || step.trains);
  const TorchCall call{*step.node, inputs, graph_.opset(), trains};
  try {
    return step.op->run(call);
  } catch (const c10::Error& error) {
    const std::string what = first_line(error);
    // An element type for which libtorch has no code on this device.
    if (what.find("not implemented for") != std::string::npos) call.refuse(what);
    call.complain(what);
  }
}

TorchValues TorchGraph::Impl::forward(const TorchValues& inputs,
                                      const std::vector<std::string>& wanted) {
  const std::vector<std::string> given = inner_tensors(inputs);
  const TorchSchedule& schedule = schedule_of(wanted, given);
  TorchTensors values = constants_;
  for (const std::string& name : given) values[numbers_.at(name)] = inputs.at(name);
  for (const std::size_t i : schedule.inputs) {
    const NamedValue& input = graph_.inputs[i];
    values[numbers_.at(input.name)] = given_input(input, inputs);
  }
  for (const auto& [index, release] : schedule.entries) {
    const TorchStep& step = steps_[index];
    TorchTensors results = run(step, values);
    for (const std::size_t input : release) values[input].reset();
    for (std::size_t i = 0; i < step.outputs.size(); ++i) {
      const std::size_t output = step.outputs[i];
      if (output == kOmitted || !schedule.needed[output]) continue;
      if (i >= results.size())
        throw Error(ErrorKind::kUnsupported,
                    describe(*step.node) + ": output " + std::to_string(i) + " is not made here");
      values[output] = std::move(results[i]);
    }
  }
  TorchValues result;
  for (const std::string& name : wanted) result[name] = values[numbers_.at(name)];
  return result;
}

void TorchGraph::Impl::train_only(const std::set<std::string>& names) {
  for (const std::string& name : names)
    if (!parameters_.contains(name)) throw not_a_parameter(graph_, name);
  for (const auto& [name, parameter] : parameters_) {
    parameter.requires_grad_(names.contains(name));
    if (!names.contains(name)) parameter.mutable_grad().reset();
  }
  for (TorchStep& step : steps_)
    step.trains =
        std::ranges::any_of(step.affine, [&](const auto& n) { return names.contains(n); });
}

Graph TorchGraph::Impl::trained() const {
  Graph graph = graph_;
  for (const TorchValues* values : {&parameters_, &buffers_})
    for (const auto& [name, value] : *values)
      graph.initializers.at(name).tensor = from_torch(value);
  return graph;
}

TorchGraph::TorchGraph(const Graph& graph, torch::Device device)
    : impl_(std::make_unique<Impl>(graph, device)) {}
TorchGraph::~TorchGraph() = default;
TorchGraph::TorchGraph(TorchGraph&&) noexcept = default;
TorchGraph& TorchGraph::operator=(TorchGraph&&) noexcept = default;

TorchValues TorchGraph::forward(const TorchValues& inputs, const std::vector<std::string>& wanted) {
  return impl_->forward(inputs, wanted);
}
const TorchValues& TorchGraph::parameters() const { return impl_->parameters(); }
const TorchValues& TorchGraph::buffers() const { return impl_->buffers(); }
void TorchGraph::train_only(const std::set<std::string>& names) { impl_->train_only(names); }
void TorchGraph::set_training(bool training) { impl_->set_training(training); }
Graph TorchGraph::trained() const { return impl_->trained(); }

}  // namespace isthmus
