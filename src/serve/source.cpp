#include "serve/source.h"

#include <future>
#include <utility>

#include "core/error.h"
#include "serve/source_state.h"

namespace isthmus {

Source::Source(std::vector<LoadedPlan> ladder, const Cluster& cluster, SourceOptions options,
               const DeployProgress& progress)
    : state_(std::make_unique<State>(std::move(ladder), cluster, std::move(options), progress)) {}

Source::~Source() = default;

void Source::submit(SourceFrame frame, OnAnswer on_answer) {
  state_->submit(std::move(frame), std::move(on_answer));
}

Source::Answer Source::ask(SourceFrame frame) {
  std::promise<Answer> answer;
  submit(std::move(frame), [&](const FrameRecord& record, const Tensor& scores) {
    answer.set_value({record, scores});
  });
  return answer.get_future().get();
}

bool Source::wait_for_room(Seconds limit) { return state_->wait_for_room(limit); }

bool Source::drain(Seconds limit) {
  std::unique_lock lock(state_->mutex);
  return state_->changed.wait_for(lock, limit, [this] {
    return state_->in_flight.empty() && state_->waiting.empty() && state_->calling == 0;
  });
}

void Source::set_ladder(std::vector<LoadedPlan> ladder, const DeployProgress& progress) {
  state_->set_ladder(std::move(ladder), progress);
}

std::map<std::string, std::int64_t> Source::stage(std::vector<LoadedPlan> plans,
                                                  const DeployProgress& progress) {
  return state_->stage(std::move(plans), progress);
}

std::map<std::string, std::int64_t> Source::deployed_bytes() const {
  const std::lock_guard lock(state_->mutex);
  return state_->deployed_bytes;
}

Statistics Source::statistics() const {
  const std::lock_guard lock(state_->mutex);
  return state_->statistics_locked(state_->next_deployment_locked());
}

Trace Source::trace() const {
  const std::lock_guard lock(state_->mutex);
  return state_->trace;
}

Trace Source::stop(Seconds limit) { return state_->stop(limit); }

void Source::cut_link(const std::string& machine, bool cut) {
  std::shared_ptr<Peer> peer;
  {
    const std::lock_guard lock(state_->mutex);
    if (const auto remote = state_->remotes.find(machine); remote != state_->remotes.end())
      peer = remote->second.peer;
  }
  if (peer) peer->cut(cut);
}

}  // namespace isthmus
