#include "serve/metrics.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <map>
#include <mutex>
#include <vector>

#include "core/error.h"
#include "serve/machine.h"

#ifdef ISTHMUS_METRICS
#include <prometheus/collectable.h>
#include <prometheus/exposer.h>
#include <prometheus/metric_family.h>
#endif

namespace isthmus {
namespace {

// Upper bounds of the histogram's buckets, in seconds.
constexpr double kBounds[] = {0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10};
constexpr std::size_t kBuckets = std::size(kBounds);

struct Histogram {
  std::uint64_t counts[kBuckets + 1] = {};
  double sum = 0;
};

}  // namespace

struct RunTimes::Table {
  mutable std::mutex mutex;
  std::map<std::string, Histogram> parts;
};

RunTimes::RunTimes() : table_(std::make_unique<Table>()) {}
RunTimes::~RunTimes() = default;

void RunTimes::add(const HeldPart& part, Seconds run) {
  const std::lock_guard lock(table_->mutex);
  Histogram& histogram = table_->parts[part.name];
  const auto bucket = std::lower_bound(std::begin(kBounds), std::end(kBounds), run.count());
  ++histogram.counts[bucket - std::begin(kBounds)];
  histogram.sum += run.count();
}

#ifdef ISTHMUS_METRICS

namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

MetricFamily family(const std::string& name, const std::string& help, MetricType type) {
  MetricFamily result;
  result.name = "isthmus_" + name;
  result.help = help;
  result.type = type;
  return result;
}

MetricFamily counter(const std::string& name, const std::string& help, std::int64_t value) {
  MetricFamily result = family(name, help, MetricType::Counter);
  result.metric.emplace_back().counter.value = static_cast<double>(value);
  return result;
}

ClientMetric histogram_metric(const std::string& part, const Histogram& histogram) {
  ClientMetric metric;
  metric.label = {{"part", part}};
  std::uint64_t cumulative = 0;
  for (std::size_t i = 0; i <= kBuckets; ++i) {
    cumulative += histogram.counts[i];
    const double bound = i < kBuckets ? kBounds[i] : std::numeric_limits<double>::infinity();
    metric.histogram.bucket.push_back({cumulative, bound});
  }
  metric.histogram.sample_count = cumulative;
  metric.histogram.sample_sum = histogram.sum;
  return metric;
}

using Waiting = decltype(PartStatistics::waiting);

ClientMetric histogram_metric(const std::string& part, const Waiting& counts) {
  ClientMetric metric;
  metric.label = {{"part", part}};
  std::uint64_t cumulative = 0;
  double sum = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    cumulative += static_cast<std::uint64_t>(counts[i]);
    sum += static_cast<double>(i) * static_cast<double>(counts[i]);
    const bool last = i + 1 == counts.size();
    const double bound = last ? std::numeric_limits<double>::infinity() : static_cast<double>(i);
    metric.histogram.bucket.push_back({cumulative, bound});
  }
  metric.histogram.sample_count = cumulative;
  metric.histogram.sample_sum = sum;
  return metric;
}

}  // namespace

struct MetricsEndpoint::State final : prometheus::Collectable {
  State(const AgentMachine& the_machine, const RunTimes& the_times)
      : machine(the_machine), times(the_times) {}

  std::vector<MetricFamily> Collect() const override {
    const NodeCounters& counters = machine.node().counters();
    std::vector<MetricFamily> result{
        counter("frames_total", "Tensors received", counters.frames),
        counter("runs_total", "Parts run, by frame", counters.runs),
        counter("batched_runs_total", "Of these, together with another frame", counters.batched),
        counter("answers_total", "Answers sent", counters.answers),
        counter("late_total", "Frames that came, or whose turn came, too late", counters.late),
        counter("duplicates_total", "Frames that had come before", counters.duplicates),
        counter("given_up_total", "Half-filled merges whose budget ended", counters.given_up),
        counter("refusals_total", "Frames refused to their source", counters.refusals)};
    MetricFamily queue = family("queue_depth", "Frames that wait for a worker", MetricType::Gauge);
    queue.metric.emplace_back().gauge.value = static_cast<double>(machine.node().queued());
    result.push_back(std::move(queue));
    MetricFamily in = family("received_bytes_total", "Message bytes received", MetricType::Counter);
    MetricFamily out = family("sent_bytes_total", "Message bytes sent", MetricType::Counter);
    for (const auto& [peer, traffic] : machine.traffic()) {
      for (const auto& [direction, bytes] :
           {std::pair(&in, traffic.in), std::pair(&out, traffic.out)}) {
        ClientMetric& metric = direction->metric.emplace_back();
        metric.label = {{"peer", peer}};
        metric.counter.value = static_cast<double>(bytes);
      }
    }
    result.push_back(std::move(in));
    result.push_back(std::move(out));
    MetricFamily runs =
        family("run_seconds", "Seconds that one run of a part took", MetricType::Histogram);
    {
      const std::lock_guard lock(times.table_->mutex);
      for (const auto& [part, histogram] : times.table_->parts)
        runs.metric.push_back(histogram_metric(part, histogram));
    }
    result.push_back(std::move(runs));
    MetricFamily waiting =
        family("waiting_frames", "Frames that waited when one became ready", MetricType::Histogram);
    for (const auto& [part, counts] : waiting_by_part())
      waiting.metric.push_back(histogram_metric(part, counts));
    result.push_back(std::move(waiting));
    return result;
  }

  // Over all plans that are deployed now.
  std::map<std::string, Waiting> waiting_by_part() const {
    std::map<std::string, Waiting> parts;
    for (const auto& deployment : machine.node().deployments()) {
      for (const DeployedPart& part : deployment->parts) {
        if (!part.held) continue;
        const PartStatistics statistics = part.meter->statistics();
        Waiting& sum = parts.try_emplace(part.name).first->second;
        for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += statistics.waiting[i];
      }
    }
    return parts;
  }

  const AgentMachine& machine;
  const RunTimes& times;
  std::shared_ptr<prometheus::Collectable> self;
  std::unique_ptr<prometheus::Exposer> exposer;
};

MetricsEndpoint::MetricsEndpoint(const std::string& listen, const AgentMachine& machine,
                                 const RunTimes& times)
    : state_(std::make_unique<State>(machine, times)) {
  try {
    state_->exposer = std::make_unique<prometheus::Exposer>(listen, 1);
  } catch (const std::exception&) {
    throw Error(ErrorKind::kIo,
                "cannot serve metrics on " + listen + ": the port is in use, or it is no address");
  }
  const std::string host = listen.substr(0, listen.rfind(':') + 1);
  address_ = host + std::to_string(state_->exposer->GetListeningPorts().front());
  // The endpoint keeps weak pointers; ours must not own the state, which owns the endpoint.
  state_->self = std::shared_ptr<prometheus::Collectable>(state_.get(), [](auto*) {});
  state_->exposer->RegisterCollectable(state_->self);
}

#else

struct MetricsEndpoint::State {};

MetricsEndpoint::MetricsEndpoint(const std::string&, const AgentMachine&, const RunTimes&) {
  throw Error(ErrorKind::kUnsupported,
              "this program was built without prometheus-cpp: leave --metrics out");
}

#endif

MetricsEndpoint::~MetricsEndpoint() = default;

}  // namespace isthmus
