#include "serve/flow_node.h"

#include <algorithm>
#include <utility>

namespace isthmus {
namespace {

constexpr Seconds kNever{1e9};
// A thread of the transport may be kept for so long.
constexpr Seconds kQuickRun{0.0003};

MergeKey merge_key(const FrameKey& key, std::uint16_t part) {
  return {key.source, key.epoch, key.frame, part};
}

DeploymentId deployment_of(const FrameKey& key) { return {key.source, key.epoch}; }

}  // namespace

FlowNode::FlowNode(FlowNodeOptions options, NextHops& hops, Clock& clock)
    : options_(std::move(options)), hops_(hops), clock_(clock) {
  set_cores(std::max(1, options_.cores));
  if (&clock_ == &system_clock()) timer_ = std::thread([this] { keep_time(); });
}

FlowNode::~FlowNode() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  work_waits_.notify_all();
  timer_changed_.notify_all();
  for (std::thread& worker : workers_) worker.join();
  if (timer_.joinable()) timer_.join();
}

void FlowNode::set_cores(int cores) {
  const std::lock_guard lock(mutex_);
  while (static_cast<int>(workers_.size()) < cores) workers_.emplace_back([this] { work(); });
}

void FlowNode::deploy(std::shared_ptr<const Deployment> deployment) {
  warm_up(*deployment, emulation());
  const std::lock_guard lock(mutex_);
  merge_.forget(deployment->id.source, deployment->id.epoch);
  deployments_[deployment->id] = std::move(deployment);
}

void FlowNode::undeploy(DeploymentId id) {
  const std::lock_guard lock(mutex_);
  deployments_.erase(id);
  merge_.forget(id.source, id.epoch);
  std::erase_if(queue_, [&](const Job& job) { return job.deployment->id == id; });
  std::erase_if(relays_, [&](const auto& entry) { return entry.second.deployment->id == id; });
  std::erase_if(relay_order_, [&](const FrameId& frame) { return !relays_.contains(frame); });
}

std::shared_ptr<const Deployment> FlowNode::find(DeploymentId id) const {
  const std::lock_guard lock(mutex_);
  const auto found = deployments_.find(id);
  return found == deployments_.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<const Deployment>> FlowNode::deployments() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<const Deployment>> result;
  for (const auto& [id, deployment] : deployments_) result.push_back(deployment);
  return result;
}

std::size_t FlowNode::queued() const {
  const std::lock_guard lock(mutex_);
  return queue_.size();
}

std::uint32_t FlowNode::budget_left_us(Seconds budget_end) const {
  const double left = (budget_end - clock_.now()).count() * 1e6;
  if (left >= static_cast<double>(kNoBudget)) return kNoBudget;
  return static_cast<std::uint32_t>(std::max(0.0, left));
}

void FlowNode::receive(Parcel parcel, const std::shared_ptr<ReturnPath>& origin) {
  const FrameHeader header = parcel.message.header;
  if (header.type != FrameType::kTensor) return;
  ++counters_.frames;
  const auto deployment = find(deployment_of(header.key));
  const auto fault = [&]() -> std::string {
    if (!deployment)
      return "plan " + std::to_string(header.key.epoch) + " of source " +
             std::to_string(header.key.source) + " is not deployed here";
    if (header.edge >= deployment->edges.size())
      return "plan " + deployment->plan.name + " has no edge " + std::to_string(header.edge);
    const DeployedEdge& edge = deployment->edges[header.edge];
    if (edge.to == kNoIndex || !deployment->parts[edge.to].held)
      return "edge " + edge.name + " does not lead to " + deployment->machines[deployment->self];
    return "";
  }();
  const int room = deployment && header.edge < deployment->edges.size()
                       ? deployment->edges[header.edge].room
                       : 1;
  auto token = std::shared_ptr<void>(
      nullptr, [origin, key = edge_key(header), room](void*) { origin->grant(key, room); });
  if (!fault.empty()) {
    ++counters_.refusals;
    refuse(deployment.get(), header, *origin, kNoIndex, fault);
    return;
  }
  arrive(deployment, header,
         {.parcel = std::move(parcel),
          .edge = header.edge,
          .origin = origin,
          .token = std::move(token),
          .arrived = clock_.now()},
         true);
}

void FlowNode::set_emulation(const Emulation& emulation) {
  const std::lock_guard lock(mutex_);
  options_.emulation = emulation;
}

Emulation FlowNode::emulation() const {
  const std::lock_guard lock(mutex_);
  return options_.emulation;
}

bool FlowNode::is_free_locked() const {
  return !options_.emulation.is_slowed() && running_ == 0 && queue_.empty();
}

bool FlowNode::is_deployed_locked(const std::shared_ptr<const Deployment>& deployment) const {
  const auto found = deployments_.find(deployment->id);
  return found != deployments_.end() && found->second == deployment;
}

// A part that runs faster than another thread wakes up is run where its last input came
// (`may_run_here`).
void FlowNode::arrive(const std::shared_ptr<const Deployment>& deployment,
                      const FrameHeader& header, Arrival arrival, bool may_run_here) {
  const std::uint16_t part_index = deployment->edges[arrival.edge].to;
  const DeployedPart& part = deployment->parts[part_index];
  Merge::Need need{.slots = part.in.size(), .optional_wait = {}};
  for (const std::uint16_t edge : part.in) {
    const DeployedEdge& in = deployment->edges[edge];
    need.optional_wait.push_back(in.required ? std::nullopt : std::optional(in.wait));
  }
  const auto slot =
      static_cast<std::size_t>(std::ranges::find(part.in, arrival.edge) - part.in.begin());
  const Seconds now = clock_.now();
  const Seconds budget_end =
      header.budget_us == kNoBudget ? now + kNever : now + Seconds{header.budget_us * 1e-6};
  arrival.parcel.message.header = header;
  std::vector<Job> here;
  {
    const std::lock_guard lock(mutex_);
    if (!is_deployed_locked(deployment)) {
      // Undeployed while the frame was under way: nobody waits for it.
      ++counters_.late;
      return;
    }
    relay_locked(header.key, deployment, arrival.origin, budget_end);
    Merge::Ready ready;
    switch (merge_.offer(merge_key(header.key, part_index), header.key.attempt, slot,
                         std::move(arrival), now, budget_end, need, ready)) {
      case Offer::kReady: here.push_back(job_locked(deployment, header, std::move(ready))); break;
      case Offer::kWaiting: timer_changed_.notify_one(); return;
      case Offer::kDuplicate: ++counters_.duplicates; return;
      case Offer::kLate: ++counters_.late; return;
    }
    if (!may_run_here || !is_free_locked() || part.held->recent_run_s > kQuickRun.count() ||
        !part.held->engine->has_room()) {
      enqueue_locked(std::move(here.front()));
      return;
    }
    here.front().queued_at = now;
    part.meter->arrived(0);
    ++running_;
  }
  run_jobs(std::move(here));
}

FlowNode::Job FlowNode::job_locked(std::shared_ptr<const Deployment> deployment,
                                   const FrameHeader& header, Merge::Ready ready) {
  Job job{.deployment = std::move(deployment),
          .header = header,
          .part = ready.key.part,
          .inputs = std::move(ready.inputs)};
  const Seconds now = clock_.now();
  job.budget_end =
      header.budget_us == kNoBudget ? now + kNever : now + Seconds{header.budget_us * 1e-6};
  // Several inputs' credits are given back together.
  auto tokens = std::make_shared<std::vector<std::shared_ptr<void>>>();
  for (auto& input : job.inputs) {
    if (!input) continue;
    tokens->push_back(std::move(input->token));
    job.goes_on |= !input->parcel.tensor.empty();
    job.origin = input->origin;
    if (input->parcel.message.header.flags & kFlagMustAnswer) job.header.flags |= kFlagMustAnswer;
    job.trailer.append(input->parcel.trailer);
  }
  job.origin = relay_locked(header.key, job.deployment, job.origin, job.budget_end).origin;
  job.token = std::move(tokens);
  return job;
}

// The frames of a source have the same time, so that the oldest is the next that is due. With the
// first come first, boards that serve several stages let young frames pass old ones that had to
// come again, by moments: the same plan did a fifth more or less. Those of different sources do
// not pass each other.
bool FlowNode::comes_before(const Job& one, const Job& other) {
  if (one.goes_on != other.goes_on) return one.goes_on;
  const FrameKey& key = one.header.key;
  return key.source != other.header.key.source || key.frame <= other.header.key.frame;
}

void FlowNode::enqueue_locked(Job job) {
  job.queued_at = clock_.now();
  if (job.part != kNoIndex) job.deployment->parts[job.part].meter->arrived(queue_.size());
  const auto behind = std::find_if(queue_.rbegin(), queue_.rend(),
                                   [&](const Job& other) { return comes_before(other, job); });
  queue_.insert(behind.base(), std::move(job));
  work_waits_.notify_one();
}

void FlowNode::admit(const std::shared_ptr<const Deployment>& deployment, Admission frame,
                     const std::shared_ptr<ReturnPath>& origin, bool may_run_here) {
  Job job{.deployment = deployment, .origin = origin};
  job.header.key = frame.key;
  job.header.route = frame.route;
  job.header.flags = frame.must_answer ? kFlagMustAnswer : 0;
  job.budget_end = clock_.now() + frame.budget;
  job.admission = std::move(frame);
  std::vector<Job> here;
  {
    const std::lock_guard lock(mutex_);
    if (!may_run_here || !is_free_locked()) {
      enqueue_locked(std::move(job));
      return;
    }
    ++running_;
    job.queued_at = clock_.now();
    here.push_back(std::move(job));
  }
  run_jobs(std::move(here));
}

std::vector<FlowNode::Job> FlowNode::next_jobs() {
  std::unique_lock lock(mutex_);
  work_waits_.wait(lock, [this] { return ending_ || !queue_.empty(); });
  std::vector<Job> jobs;
  if (ending_) return jobs;
  ++running_;
  const auto held = [](const Job& job) {
    return job.part == kNoIndex ? nullptr : job.deployment->parts[job.part].held.get();
  };
  // A part that would wait for room lets others pass, which may let go of what it made.
  auto first = std::ranges::find_if(queue_, [&](const Job& job) {
    const HeldPart* part = held(job);
    return part == nullptr || part->engine->has_room();
  });
  if (first == queue_.end()) first = queue_.begin();
  jobs.push_back(std::move(*first));
  queue_.erase(first);
  if (jobs[0].part == kNoIndex) return jobs;
  // Takes what waits already; nothing waits for a batch to fill.
  const HeldPart* part = held(jobs[0]);
  const auto most = static_cast<std::size_t>(std::min(options_.max_batch, part->max_batch.load()));
  for (auto job = queue_.begin(); job != queue_.end() && jobs.size() < most;) {
    if (held(*job) == part) {
      jobs.push_back(std::move(*job));
      job = queue_.erase(job);
    } else {
      ++job;
    }
  }
  return jobs;
}

void FlowNode::work() {
  while (true) {
    std::vector<Job> jobs = next_jobs();
    if (jobs.empty()) return;
    run_jobs(std::move(jobs));
  }
}

void FlowNode::run_jobs(std::vector<Job> jobs) {
  const Seconds now = clock_.now();
  const auto is_over = [&](const Job& job) {
    return now > job.budget_end && (job.header.flags & kFlagMustAnswer) == 0;
  };
  counters_.late += static_cast<std::int64_t>(std::erase_if(jobs, is_over));
  try {
    if (jobs.empty()) {
    } else if (jobs[0].part == kNoIndex) {
      run_input(jobs[0]);
    } else {
      run_parts(jobs);
    }
  } catch (const std::exception& error) {
    for (Job& job : jobs) {
      ++counters_.refusals;
      close_relay(job);
      refuse(job.deployment.get(), job.header, *job.origin, kNoIndex, error.what(), job.trailer);
    }
  }
  const std::lock_guard lock(mutex_);
  --running_;
}

void FlowNode::expire() {
  const std::lock_guard lock(mutex_);
  std::int64_t given_up = 0;
  for (Merge::Ready& ready : merge_.expire(clock_.now(), given_up)) {
    const auto deployment = deployments_.find({ready.key.source, ready.key.epoch});
    const auto first =
        std::ranges::find_if(ready.inputs, [](const auto& input) { return input.has_value(); });
    if (deployment == deployments_.end() || first == ready.inputs.end()) continue;
    const FrameHeader header = (*first)->parcel.message.header;
    enqueue_locked(job_locked(deployment->second, header, std::move(ready)));
  }
  counters_.given_up += given_up;
  forget_relays_locked();
}

void FlowNode::keep_time() {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    const auto next = merge_.next_time();
    if (!next) {
      timer_changed_.wait(lock);
    } else if (const Seconds wait = *next - clock_.now(); wait > Seconds{0}) {
      timer_changed_.wait_for(lock, std::min(wait, Seconds{1}));
    } else {
      lock.unlock();
      expire();
      lock.lock();
    }
  }
}

}  // namespace isthmus
