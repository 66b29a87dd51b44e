// Speed of the simulator: frame-part events a second (a frame that one part has worked on), on
// pipelines, with and without bounded queues and spans, over many replicas, and on shards over one
// network; and the time of predicting and checking a plan.

#include <benchmark/benchmark.h>

#include <algorithm>

#include "plan/predict.h"
#include "plan/tiny_plans.h"
#include "sim/simulate.h"

namespace isthmus {
namespace {

TinyPlans pipeline(int stages) {
  TinyPlans tiny;
  tiny.machine("camera");
  std::vector<std::string> machines;
  std::vector<double> seconds;
  for (int i = 0; i < stages; ++i) {
    machines.push_back("m" + std::to_string(i));
    tiny.machine(machines.back());
    tiny.link(i == 0 ? "camera" : machines[static_cast<std::size_t>(i) - 1], machines.back(), 1e9,
              0.001);
    seconds.push_back(0.01 + 0.0001 * (i % 10));
  }
  if (stages > 1) tiny.link(machines.back(), "camera", 1e9, 0.001);
  tiny.chain(machines, seconds, 1000);
  tiny.plan.deadline = Seconds{1e4};
  return tiny;
}

void play(benchmark::State& state, const TinyPlans& tiny, const SimOptions& options) {
  for (auto _ : state)
    benchmark::DoNotOptimize(simulate(options, std::vector{tiny.plan}, tiny.cluster, tiny.profile));
  state.SetItemsProcessed(state.iterations() * options.frames *
                          static_cast<std::int64_t>(tiny.plan.parts.size()));
}

void simulate_pipeline(benchmark::State& state) {
  const int stages = static_cast<int>(state.range(0));
  const int queue = state.range(1) != 0 ? 8 : 32;
  play(state, pipeline(stages),
       {.frames = 100'000 / stages,
        .max_in_flight = 32,
        .queue = queue,
        .record_spans = state.range(2) != 0});
}
BENCHMARK(simulate_pipeline)
    ->ArgNames({"stages", "credits", "spans"})
    ->Args({2, 0, 0})
    ->Args({10, 0, 0})
    ->Args({10, 1, 0})
    ->Args({10, 0, 1})
    ->Args({100, 0, 0})
    ->Unit(benchmark::kMillisecond);

void simulate_ten_thousand_machines(benchmark::State& state) {
  play(state, pipeline(10'000),
       {.frames = 100, .max_in_flight = 100, .queue = 100, .record_spans = false});
}
BENCHMARK(simulate_ten_thousand_machines)->Unit(benchmark::kMillisecond);

void simulate_replicas(benchmark::State& state) {
  const int replicas = static_cast<int>(state.range(0));
  TinyPlans tiny;
  tiny.machine("camera");
  std::vector<std::string> machines;
  for (int i = 0; i < replicas; ++i) {
    machines.push_back("m" + std::to_string(i));
    tiny.machine(machines.back());
    tiny.link("camera", machines.back(), 1e12, 0.001);
  }
  tiny.part("p", machines, 0.1, Placement::kSpread);
  tiny.edge("input:x->p:x", 100);
  tiny.edge("p:y->answer:y", 100);
  play(state, tiny,
       {.frames = std::max(10'000, 100 * replicas),
        .max_in_flight = 2 * replicas,
        .queue = 2 * replicas,
        .record_spans = false});
}
BENCHMARK(simulate_replicas)
    ->ArgName("machines")
    ->Arg(10)
    ->Arg(100)
    ->Arg(1000)
    ->Unit(benchmark::kMillisecond);

// Layers of shards on one network, each behind a merge on the first board.
void simulate_shards(benchmark::State& state) {
  const int boards = static_cast<int>(state.range(0));
  constexpr int kLayers = 8;
  TinyPlans tiny;
  tiny.machine("camera");
  for (int i = 0; i < boards; ++i) tiny.machine("m" + std::to_string(i));
  tiny.network(94.1e6, 0.0004);
  std::string from = "input:x";
  for (int layer = 0; layer < kLayers; ++layer) {
    const std::string n = std::to_string(layer);
    tiny.part("merge" + n, {"m0"}, 0.001);
    for (int i = 0; i < boards; ++i) {
      const std::string shard = "shard" + n + "_" + std::to_string(i);
      tiny.part(shard, {"m" + std::to_string(i)}, 0.01);
      tiny.edge(from + std::to_string(i) + "->" + shard + ":x", 1000);
      tiny.edge(shard + ":y->merge" + n + ":x" + std::to_string(i), 1000);
    }
    from = "merge" + n + ":y";
  }
  tiny.edge(from + "->answer:y", 100);
  tiny.plan.deadline = Seconds{1e4};
  play(state, tiny, {.frames = 1000, .max_in_flight = 8, .queue = 8, .record_spans = false});
}
BENCHMARK(simulate_shards)->ArgName("boards")->Arg(4)->Arg(12)->Unit(benchmark::kMillisecond);

void predict_two_machines(benchmark::State& state) {
  const TinyPlans tiny = pipeline(2);
  for (auto _ : state) benchmark::DoNotOptimize(predict(tiny.plan, tiny.cluster, tiny.profile));
}
BENCHMARK(predict_two_machines)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace isthmus
