#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/clock.h"
#include "core/link_profile.h"
#include "net/flow_message.h"
#include "serve/credit.h"
#include "serve/deployment.h"
#include "serve/emulation.h"
#include "serve/merge.h"
#include "serve/trailer.h"

namespace isthmus {

// A message, or within one machine the tensor itself, and what the machines so far report of the
// frame.
struct Parcel {
  FlowMessage message;
  Tensor tensor;
  Trailer trailer;
};

// Where answers, refusals and acknowledgements of a frame go: back along the stream that it came
// by, or into the source.
class ReturnPath {
 public:
  virtual ~ReturnPath() = default;
  // Whether the other end is this process, which takes tensors as they are.
  virtual bool is_local() const = 0;
  // Never blocks. A path whose stream is over swallows what it is given. `deployment` (may be null)
  // tells which link it is.
  virtual void send(const Deployment* deployment, Parcel parcel) = 0;
  // The receiver has room for one more message of the edge, of `room` at most.
  virtual void grant(const EdgeKey& key, int room) = 0;
};

// How a node reaches the machines behind it.
class NextHops {
 public:
  virtual ~NextHops() = default;

  struct Sent {
    // Why the machine cannot be reached; empty if it was sent.
    std::string failure;
    LinkTimeline::Passage passage;
    bool shaped = false;
  };
  // Never blocks. `token` is dropped when the message is on its way.
  virtual Sent send(const Deployment& deployment, std::uint8_t machine, FlowMessage message,
                    std::shared_ptr<void> token) = 0;
};

struct NodeCounters {
  std::atomic<std::int64_t> frames = 0;   // Tensors received.
  std::atomic<std::int64_t> runs = 0;     // Parts run, by frame.
  std::atomic<std::int64_t> batched = 0;  // Of these, in a batch of two or more.
  std::atomic<std::int64_t> answers = 0;
  std::atomic<std::int64_t> late = 0;  // Arrived for nothing, or their budget was over.
  std::atomic<std::int64_t> duplicates = 0;
  std::atomic<std::int64_t> given_up = 0;  // Half-filled when their budget ended.
  std::atomic<std::int64_t> refusals = 0;
};

struct FlowNodeOptions {
  // Frames that run at the same time.
  int cores = 1;
  Emulation emulation;
  // Frames of one part that one run may take, where its batch is free and several sources feed it.
  int max_batch = 8;
  // Called after every run of a part, on the worker's thread.
  std::function<void(const HeldPart& part, Seconds run)> on_run;
};

// The executor inside one machine, be it an agent's or the source's own: takes frames as they come,
// brings the inputs of a part together, runs it, and hands the outputs on (runtime.md, "Flow").
// Thread-safe; nothing here waits for a network. Which file holds what: flow_node.cpp plans, frames
// that come and time, flow_node_run.cpp the work on them, flow_node_back.cpp what goes back.
class FlowNode {
 public:
  // `clock` and `hops` must outlive the node.
  FlowNode(FlowNodeOptions options, NextHops& hops, Clock& clock);
  ~FlowNode();
  FlowNode(const FlowNode&) = delete;
  FlowNode& operator=(const FlowNode&) = delete;

  void deploy(std::shared_ptr<const Deployment> deployment);
  void undeploy(DeploymentId id);
  std::shared_ptr<const Deployment> find(DeploymentId id) const;
  std::vector<std::shared_ptr<const Deployment>> deployments() const;

  // The emulated machine may change with a deployment.
  void set_emulation(const Emulation& emulation);
  Emulation emulation() const;
  // At least so many frames run at the same time from now on.
  void set_cores(int cores);

  // A message from another machine. Never throws for what a peer did wrong: it refuses.
  void receive(Parcel parcel, const std::shared_ptr<ReturnPath>& origin);
  // What came back from a machine behind this one, to be passed on towards its source; it took
  // `on_air` bytes to get here.
  void pass_back(FlowMessage message, std::int64_t on_air);
  // The machine cannot be reached any more: frames on their way by it are refused to their sources.
  void lost(const std::string& machine, const std::string& why);

  struct Admission {
    FrameKey key;
    std::vector<std::uint16_t> route;
    Seconds budget{0};
    bool must_answer = false;
    // The u8 image, or the network's input.
    Tensor input;
    // CPU time already spent on it.
    Seconds prepare{0};
  };
  // At the source: sends a frame into its plan. With `may_run_here` a node that has nothing else to
  // do, and is not emulated, does the source's own part of the work (normalise, encode, send) on
  // the caller's thread, which saves waking another.
  void admit(const std::shared_ptr<const Deployment>& deployment, Admission frame,
             const std::shared_ptr<ReturnPath>& origin, bool may_run_here = false);

  // What overdue optional inputs and budgets ask for; done by a thread of the node when the clock
  // is the system's.
  void expire();

  const NodeCounters& counters() const { return counters_; }
  // Frames that wait for a worker.
  std::size_t queued() const;

 private:
  // An input of a part that has arrived.
  struct Arrival {
    Parcel parcel;
    std::uint16_t edge = kNoIndex;
    std::shared_ptr<ReturnPath> origin;
    std::shared_ptr<void> token;
    Seconds arrived{0};
  };
  using Merge = MergeTable<Arrival>;
  // A part with its inputs, waiting for a worker; or, with part == kNoIndex, the input of a frame
  // at its source.
  struct Job {
    std::shared_ptr<const Deployment> deployment;
    FrameHeader header;
    std::uint16_t part = kNoIndex;
    std::vector<std::optional<Arrival>> inputs;
    std::shared_ptr<ReturnPath> origin;
    Admission admission;
    Seconds queued_at{0};
    Seconds budget_end{0};
    Trailer trailer;
    // An input was made here. Such frames go on before others begin: what parts made for each other
    // does not wait beside the inputs of those.
    bool goes_on = false;
    // Handed on with the outputs: the inputs' credits are given back when those have left.
    std::shared_ptr<void> token;
    // Counted in its frame's relay.
    bool handing_on = false;
  };
  // A frame that came here: what is to go to its source goes to `origin`, the way by which it came
  // first. (By another it could go in circles, where a frame comes to a machine twice.) What
  // machines behind this one send back goes there with what this machine reports.
  struct Relay {
    std::shared_ptr<const Deployment> deployment;
    std::shared_ptr<ReturnPath> origin;
    Trailer trailer;
    std::vector<std::uint8_t> next;
    // Its source was sent an answer or a refusal, and needs no other.
    bool over = false;
    Seconds expires{0};
    // While jobs still hand the frame on, what comes back already waits here, so that the report
    // is whole.
    int handing_on = 0;
    std::vector<std::pair<FlowMessage, std::int64_t>> parked;
  };
  using FrameId = std::tuple<std::uint16_t, std::uint16_t, std::uint32_t, std::uint8_t>;

  void work();
  void keep_time();
  std::vector<Job> next_jobs();
  void run_jobs(std::vector<Job> jobs);
  void run_input(Job& job);
  void run_parts(std::vector<Job>& jobs);
  std::vector<Tensor> decode_inputs(Job& job, Holdback& time);
  std::vector<std::vector<Tensor>> run_engine(std::vector<Job>& jobs,
                                              const std::vector<std::vector<Tensor>>& inputs,
                                              Holdback& time);
  void dispatch(Job& job, std::vector<Tensor> outputs, Holdback& time);
  void send_edge(Job& job, std::uint16_t edge, const Tensor& tensor, Holdback& time);
  void send_answer(Job& job, std::uint16_t edge, const Tensor& tensor, Holdback& time);
  void arrive(const std::shared_ptr<const Deployment>& deployment, const FrameHeader& header,
              Arrival arrival, bool may_run_here);
  bool is_free_locked() const;
  // Whether the node still has it, and no other in its place.
  bool is_deployed_locked(const std::shared_ptr<const Deployment>& deployment) const;
  static bool comes_before(const Job& one, const Job& other);
  void enqueue_locked(Job job);
  Job job_locked(std::shared_ptr<const Deployment> deployment, const FrameHeader& header,
                 Merge::Ready ready);
  // Of a plan that is deployed.
  Relay& relay_locked(const FrameKey& key, const std::shared_ptr<const Deployment>& deployment,
                      const std::shared_ptr<ReturnPath>& origin, Seconds budget_end);
  static void refuse(const Deployment* deployment, const FrameHeader& header, ReturnPath& origin,
                     std::uint16_t machine, const std::string& why, const Trailer& trailer = {});
  void open_relay(Job& job, std::uint8_t machine);
  void close_relay(Job& job);
  void end_relay(const FrameKey& key);
  void acknowledge_others(Job& job);
  void forget_relays_locked();
  std::uint32_t budget_left_us(Seconds budget_end) const;

  FlowNodeOptions options_;
  NextHops& hops_;
  Clock& clock_;
  NodeCounters counters_;

  mutable std::mutex mutex_;
  std::condition_variable work_waits_;
  std::condition_variable timer_changed_;
  std::map<DeploymentId, std::shared_ptr<const Deployment>> deployments_;
  Merge merge_;
  std::deque<Job> queue_;
  int running_ = 0;
  // Of the last frames; and in which order they came.
  std::map<FrameId, Relay> relays_;
  std::deque<FrameId> relay_order_;
  Seconds relays_swept_{0};
  bool ending_ = false;
  std::vector<std::thread> workers_;
  std::thread timer_;
};

}  // namespace isthmus
