#include "pipeline/latency.h"

#include <algorithm>

namespace isthmus {

std::vector<double> scattered(const PipelineCosts& costs, const Seat& holder,
                              const SeatedStage& shards, double now) {
  const ShardOption& option = costs.problem().shards[shards.option];
  const double slowdown = costs.machine(holder.machine).slowdown;
  now += slowdown * option.scatter.count();
  for (const Seat& seat : shards.seats)
    if (!costs.same(holder, seat)) now += slowdown * costs.shard_input(option, seat.share).encode;
  std::vector<double> ready;
  ready.reserve(shards.seats.size());
  double left = now;
  for (const Seat& seat : shards.seats) {
    if (costs.same(holder, seat)) {
      ready.push_back(now);
      continue;
    }
    const auto message = costs.shard_input(option, seat.share);
    left += costs.air(message.bytes, holder.machine, seat.machine);
    ready.push_back(left + costs.delay(holder.machine, seat.machine) +
                    costs.machine(seat.machine).slowdown * message.decode);
  }
  return ready;
}

double merged(const PipelineCosts& costs, const SeatedStage& shards, std::span<const double> ready,
              const Seat& holder) {
  const ShardOption& option = costs.problem().shards[shards.option];
  double glue = option.merge.count();
  double done = 0;
  // When a message is handed to the network, and its index.
  std::vector<std::pair<double, std::size_t>> messages;
  messages.reserve(ready.size());
  for (std::size_t k = 0; k < ready.size(); ++k) {
    const Seat& seat = shards.seats[k];
    if (costs.same(seat, holder)) {
      done = std::max(done, ready[k]);
      continue;
    }
    const auto message = costs.shard_output(option, seat.share);
    messages.emplace_back(ready[k] + costs.machine(seat.machine).slowdown * message.encode, k);
    glue += message.decode;
  }
  std::ranges::sort(messages);
  double free = 0;
  for (const auto& [handed, k] : messages) {
    const Seat& seat = shards.seats[k];
    free = std::max(free, handed) +
           costs.air(costs.shard_output(option, seat.share).bytes, seat.machine, holder.machine);
    done = std::max(done, free + costs.delay(seat.machine, holder.machine));
  }
  return done + costs.machine(holder.machine).slowdown * glue;
}

double handed_over(const PipelineCosts& costs, const PipelineCosts::Message& message,
                   const Seat& from, const Seat& to) {
  if (costs.same(from, to)) return 0;
  return costs.machine(from.machine).slowdown * message.encode +
         costs.air(message.bytes, from.machine, to.machine) +
         costs.delay(from.machine, to.machine) +
         costs.machine(to.machine).slowdown * message.decode;
}

double frame_latency(const PipelineCosts& costs, std::span<const SeatedStage> stages,
                     std::span<const std::vector<double>> swapping) {
  const auto alone = [](Seat seat) {
    seat.share = 1;
    return seat;
  };
  const SeatedStage source = costs.source_stage();
  double now = 0;
  std::vector<double> ready;
  for (std::size_t s = 0; s <= stages.size(); ++s) {
    const SeatedStage& from = s == 0 ? source : stages[s - 1];
    const SeatedStage& to = s == stages.size() ? source : stages[s];
    const bool scatters = to.mode == StageMode::kShards;
    // Who has the tensor, or merges it, and how often.
    std::vector<Seat> holders(from.seats.begin(), from.seats.end());
    if (from.mode == StageMode::kShards) {
      holders.assign(to.seats.begin(), to.seats.end());
      if (scatters) holders.assign(1, alone(to.seats[0]));
      double mean = 0;
      for (const Seat& holder : holders)
        mean += holder.share * merged(costs, from, ready, alone(holder));
      now = mean;
    } else if (!scatters) {
      const auto message =
          costs.message(s == stages.size() ? costs.problem().units.size() : to.first);
      double mean = 0;
      for (const Seat& a : holders)
        for (const Seat& b : to.seats)
          mean += a.share * b.share * handed_over(costs, message, a, b);
      now += mean;
    }
    if (s == stages.size()) break;
    if (scatters) {
      std::vector<double> mean(to.seats.size(), 0);
      for (const Seat& holder : holders) {
        const auto each = scattered(costs, alone(holder), to, now);
        for (std::size_t k = 0; k < mean.size(); ++k) mean[k] += holder.share * each[k];
      }
      ready = std::move(mean);
      for (std::size_t k = 0; k < ready.size(); ++k)
        ready[k] += costs.run_time(to, to.seats[k]) + swapping[s][k];
    } else {
      for (std::size_t k = 0; k < to.seats.size(); ++k)
        now += to.seats[k].share * (costs.run_time(to, to.seats[k]) + swapping[s][k]);
    }
  }
  return now;
}

}  // namespace isthmus
