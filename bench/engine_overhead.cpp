// What our Engine costs on top of ONNX Runtime's own Session::Run, on small networks: the same
// model, the same thread settings, inputs and outputs as tensors of ours against values made once.
// Prints JSON.
//
// Rounds of the two alternate, so that a busy machine disturbs both; the difference is taken
// between medians.

#include <onnxruntime_cxx_api.h>

#include <algorithm>
#include <iostream>
#include <vector>

#include "core/clock.h"
#include "core/error.h"
#include "core/json.h"
#include "core/statistics.h"
#include "engine/engine.h"
#include "engine/random_tensor.h"
#include "plan/profile.h"
#include "zoo/zoo.h"

namespace {

using isthmus::Json;
using isthmus::Tensor;

isthmus::Graph identity(std::int64_t elements) {
  isthmus::GraphBuilder net("identity_" + std::to_string(elements));
  net.output(net.relu(net.input("x", {-1, elements})));
  return net.build();
}

// The library alone, as plainly as its documentation shows it.
class BareSession {
 public:
  BareSession(const std::string& model, const Tensor& input)
      : environment_(ORT_LOGGING_LEVEL_FATAL, "bare") {
    Ort::SessionOptions options;
    options.SetIntraOpNumThreads(1);
    options.AddConfigEntry("session.intra_op.allow_spinning", "0");
    session_ = Ort::Session(environment_, model.data(), model.size(), options);
    Ort::AllocatorWithDefaultOptions allocator;
    input_name_ = session_.GetInputNameAllocated(0, allocator).get();
    output_name_ = session_.GetOutputNameAllocated(0, allocator).get();
    const auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
    const auto values = input.values<float>();
    value_ =
        Ort::Value::CreateTensor<float>(memory, const_cast<float*>(values.data()), values.size(),
                                        input.shape().data(), input.shape().size());
  }

  void run() {
    const char* input = input_name_.c_str();
    const char* output = output_name_.c_str();
    session_.Run(Ort::RunOptions{nullptr}, &input, &value_, 1, &output, 1);
  }

 private:
  Ort::Env environment_;
  Ort::Session session_{nullptr};
  std::string input_name_;
  std::string output_name_;
  Ort::Value value_{nullptr};
};

template <typename Action>
double microseconds(const Action& action) {
  const isthmus::Seconds start = isthmus::system_clock().now();
  action();
  return (isthmus::system_clock().now() - start).count() * 1e6;
}

Json measure(const isthmus::Graph& graph, int rounds) {
  isthmus::Shape shape = graph.inputs[0].value.shape;
  shape[0] = 1;
  const Tensor input = isthmus::random_tensor(isthmus::DType::kF32, shape, /*seed=*/1);
  const auto ours = isthmus::make_engine(graph);
  const auto limited = isthmus::make_engine(graph, {.memory_limit = std::int64_t{1} << 30});
  BareSession bare(isthmus::to_onnx(graph), input);
  std::vector<double> of_bare;
  std::vector<double> of_ours;
  std::vector<double> of_limited;
  for (int round = -rounds / 10; round < rounds; ++round) {
    const double b = microseconds([&] { bare.run(); });
    const double o = microseconds([&] { ours->run({&input, 1}); });
    const double l = microseconds([&] { limited->run({&input, 1}); });
    if (round < 0) continue;
    of_bare.push_back(b);
    of_ours.push_back(o);
    of_limited.push_back(l);
  }
  const double bare_median = isthmus::quantile(of_bare, 0.5);
  const double our_median = isthmus::quantile(of_ours, 0.5);
  return {{"network", graph.name},
          {"input_bytes", input.bytes().size()},
          {"rounds", rounds},
          {"bare_us", bare_median},
          {"engine_us", our_median},
          {"engine_with_memory_limit_us", isthmus::quantile(of_limited, 0.5)},
          {"overhead_us", our_median - bare_median},
          {"ratio", our_median / bare_median}};
}

}  // namespace

int main() {
  try {
    Json rows = Json::array();
    for (const std::int64_t elements : {1, 640, 2560, 150528})
      rows.push_back(measure(identity(elements), 5000));
    rows.push_back(measure(isthmus::load_model("zoo:resnet20"), 300));
    rows.push_back(measure(isthmus::load_model("zoo:mobilenetv2"), 60));
    std::cout << Json{{"machine", isthmus::machine_fingerprint()},
                      {"date", isthmus::utc_date()},
                      {"rows", rows}}
                     .dump(2)
              << '\n';
    return 0;
  } catch (const isthmus::Error& error) {
    std::cerr << "error: " << error.what() << '\n';
    return isthmus::exit_code(error.kind());
  }
}
