#pragma once

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "pipeline/pipeline.h"

namespace isthmus {

// The cost model of pipeline/pipeline.h for those who search: machines are indices, and `count`
// machines that are alike are one seat.
struct Seat {
  std::size_t machine = 0;
  int count = 1;
  // Of each of them.
  double share = 1;
};

// A stage without names. Of the first seat, one machine merges what comes from shards.
struct SeatedStage {
  std::size_t first = 0;
  std::size_t last = 0;
  StageMode mode = StageMode::kSingle;
  std::size_t option = 0;
  std::span<const Seat> seats;
};

// Seconds that a machine is busy for each frame.
struct Load {
  double compute = 0;
  double send = 0;
  double receive = 0;

  double busiest() const { return std::max(compute, std::max(send, receive)); }
  Load& operator+=(const Load& other) {
    compute += other.compute;
    send += other.send;
    receive += other.receive;
    return *this;
  }
};

// What a boundary costs the machines of both its sides: by seat, and the one machine of to[0] that
// may have the glue.
struct Crossing {
  std::vector<Load> from;
  std::vector<Load> to;
  Load holder;
};

// Immutable; `problem` and `cluster` must outlive it.
class PipelineCosts {
 public:
  // With `classes`, the first machine of each stands for all of them: a message between two seats
  // of one class then goes from one machine to another.
  PipelineCosts(const PipelineProblem& problem, const Cluster& cluster,
                std::span<const std::vector<std::size_t>> classes = {});

  static constexpr double kNever = std::numeric_limits<double>::infinity();

  const PipelineProblem& problem() const { return problem_; }
  const Cluster& cluster() const { return cluster_; }
  const Machine& machine(std::size_t index) const { return cluster_.machines[index]; }
  std::size_t machines() const { return cluster_.machines.size(); }
  std::size_t source() const { return source_; }
  // The source's end of the first boundary and the last.
  SeatedStage source_stage() const { return {.seats = source_seat_}; }
  // Those that may run a stage.
  std::vector<std::size_t> workers() const;
  // Frames per second for each second of work.
  double speed(std::size_t index) const;
  double work(std::size_t first, std::size_t last) const { return work_[last + 1] - work_[first]; }

  // Makes no difference which of the two takes a stage. The source is like no other.
  bool alike(std::size_t a, std::size_t b) const;
  // One and the same machine: nothing is sent.
  bool same(const Seat& a, const Seat& b) const {
    return a.machine == b.machine && a.count == 1 && b.count == 1 && !has_peers_[a.machine];
  }
  // Time of a message on air, kNever without a link; 0 from a machine to itself.
  double air(double bytes, std::size_t from, std::size_t to) const;
  // One way.
  double delay(std::size_t from, std::size_t to) const { return route(from, to).delay; }
  bool linked(std::size_t from, std::size_t to) const { return route(from, to).per_byte < kNever; }

  // What a machine of the seat holds for the stage: its weights; and with, where its memory is a
  // hard limit, room for frames that wait. What one takes there while it runs.
  double weights(const SeatedStage& stage, const Seat& seat) const;
  double held(const SeatedStage& stage, const Seat& seat) const {
    return weights(stage, seat) + waiting(stage, seat);
  }
  double peak(const SeatedStage& stage, const Seat& seat) const;
  // With the runtime.
  double footprint(double held, double peak, std::size_t machine) const;
  // Seconds of swapping for each inference; kNever if the memory is a hard limit.
  double swapping(double footprint, std::size_t machine) const;
  // One run there, without swapping.
  double run_time(const SeatedStage& stage, const Seat& seat) const;
  // What the stage alone costs a machine of the seat for each frame of the source, swapping
  // included; kNever if it does not fit.
  double compute(const SeatedStage& stage, const Seat& seat) const;

  // `boundary` is the index of the unit that takes the tensor; units.size() for the answer.
  void cross(const SeatedStage& from, const SeatedStage& to, std::size_t boundary,
             Crossing& result) const;

  // Codec and size of the tensor at a boundary.
  struct Message {
    double bytes = 0;
    double encode = 0;
    double decode = 0;
  };
  Message message(std::size_t boundary) const;
  // What a shard of this share takes in or gives away: bytes, and CPU time of their codecs.
  Message shard_input(const ShardOption& option, double share) const;
  Message shard_output(const ShardOption& option, double share) const;

  double waiting(const SeatedStage& stage, const Seat& seat) const;

 private:
  struct Route {
    double per_byte = kNever;
    double delay = 0;
    HeaderModel headers;

    friend bool operator==(const Route&, const Route&) = default;
  };
  const Route& route(std::size_t from, std::size_t to) const {
    return routes_[from * cluster_.machines.size() + to];
  }
  void cross_whole(const SeatedStage& from, const SeatedStage& to, const Message& message,
                   Crossing& result) const;
  void cross_scattered(const SeatedStage& from, const SeatedStage& to, Crossing& result) const;
  void cross_merged(const SeatedStage& from, const SeatedStage& to, Crossing& result) const;
  void cross_merged_scattered(const SeatedStage& from, const SeatedStage& to,
                              Crossing& result) const;
  double cpu(const Seat& seat, double seconds) const;

  const PipelineProblem& problem_;
  const Cluster& cluster_;
  std::size_t source_ = 0;
  std::array<Seat, 1> source_seat_;
  std::vector<Route> routes_;
  std::vector<bool> has_peers_;
  // Sums before each unit; and the largest peak of 2^k units from each on.
  std::vector<double> work_;
  std::vector<double> weights_;
  // At each boundary: room for frames of that size.
  std::vector<double> rooms_;
  std::vector<std::vector<double>> peaks_;
};

// Throws Error{kInvalid} for options that do not fit the units, negative or missing numbers.
void check_problem(const PipelineProblem& problem);

// As in pipeline/pipeline.h; `costs` without classes.
PipelinePlan evaluated(const PipelineCosts& costs, const Cluster& cluster, PipelinePlan plan);
// Nothing where `evaluated` throws kUnsupported.
std::optional<PipelinePlan> possible(const PipelineCosts& costs, const Cluster& cluster,
                                     PipelinePlan plan);

// In proportion to speed; of shards, none more than its memory holds (where that is a hard limit)
// if the others can take the rest. Adds up to 1 over all machines of the seats.
void set_shares(const PipelineCosts& costs, StageMode mode, std::size_t option,
                std::vector<Seat>& seats);
// One for each machine, with such shares.
std::vector<Seat> seats_on(const PipelineCosts& costs, StageMode mode, std::size_t option,
                           std::span<const std::size_t> machines);
// A stage on these machines, with such shares.
PipelineStage stage_on(const PipelineCosts& costs, const SeatedStage& stage,
                       std::span<const std::size_t> machines);

}  // namespace isthmus
