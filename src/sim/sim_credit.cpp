#include <algorithm>

#include "core/rng.h"
#include "sim/simulator.h"

// Room for what waits at a machine. As in serve/flow_node.h a frame's place there is given back
// when what was made of it has left.

namespace isthmus {

// One for each edge and pair of machines. What travels back to the source needs none.
std::uint32_t Simulator::credit_for(std::uint32_t plan, std::uint32_t edge, std::uint32_t from,
                                    std::uint32_t to) {
  const std::uint64_t key = mix_seed(mix_seed(mix_seed(plan, edge), from), to);
  const auto [known, fresh] =
      credit_of_.try_emplace(key, static_cast<std::uint32_t>(credits_.size()));
  if (fresh)
    credits_.push_back(
        {.left = std::min(options_.queue, plans_[plan].edges[edge].room), .unsent = {}});
  return known->second;
}

bool Simulator::has_credits(const CompiledPlan& plan, std::span<const std::uint32_t> ordinal) {
  return std::ranges::all_of(plan.admission_edges, [&](std::uint32_t e) {
    const auto taker = static_cast<std::size_t>(plan.edges[e].to_part);
    const std::uint32_t to = plan.parts[taker].machines[ordinal[taker]];
    const auto index = static_cast<std::uint32_t>(&plan - plans_.data());
    return to == source_ || credits_[credit_for(index, e, source_, to)].left > 0;
  });
}

// For what the source is about to send. Another attempt takes what there is.
void Simulator::keep_credits(Attempt& attempt) {
  const CompiledPlan& plan = plan_of(attempt);
  for (const std::uint32_t e : plan.admission_edges) {
    const auto index = static_cast<std::size_t>(plan.edges[e].to_part);
    const CompiledPart& taker = plan.parts[index];
    const std::uint32_t to = taker.machines[attempt.course.ordinal[index]];
    if (taker.placement == Placement::kRace || to == source_) continue;
    const std::uint32_t credit = credit_for(attempt.course.plan, e, source_, to);
    if (credits_[credit].left <= 0) continue;
    --credits_[credit].left;
    attempt.slots[plan.edges[e].first_slot].credit = credit;
  }
}

// Whether the message may leave; one that may not waits here, and what it was made from keeps its
// place.
bool Simulator::takes_credit(const Job& job, std::uint32_t e, std::uint32_t from,
                             std::uint32_t ordinal) {
  if (!use_credits_) return true;
  Attempt& attempt = attempts_[job.attempt];
  const CompiledEdge& edge = plan_of(attempt).edges[e];
  const CompiledPart& taker = plan_of(attempt).parts[static_cast<std::size_t>(edge.to_part)];
  Slot& slot = attempt.slots[edge.first_slot];
  if (taker.placement == Placement::kRace || slot.credit != kNone) return true;
  const std::uint32_t index = credit_for(attempt.course.plan, e, from, taker.machines[ordinal]);
  Credit& credit = credits_[index];
  if (credit.left <= 0) {
    credit.unsent.push_back({.job = job, .edge = e, .from = from, .ordinal = ordinal});
    hold(job);
    return false;
  }
  --credit.left;
  slot.credit = index;
  return true;
}

void Simulator::give_credit(std::uint32_t index) {
  ++credits_[index].left;
  while (credits_[index].left > 0 && !credits_[index].unsent.empty()) {
    std::vector<Unsent>& unsent = credits_[index].unsent;
    const Unsent first = unsent.front();
    unsent.erase(unsent.begin());
    if (is_stale(first.job)) continue;
    carry(first.job, first.edge, first.from, first.ordinal);
    let_go(first.job);
  }
}

void Simulator::hold(const Job& job) {
  if (!use_credits_ || job.part < 0) return;
  Attempt& attempt = attempts_[job.attempt];
  const auto part = static_cast<std::size_t>(job.part);
  ++attempt.holds[counter_of(plan_of(attempt).parts[part], job.ordinal)];
}

void Simulator::let_go(const Job& job) {
  if (!use_credits_ || job.part < 0 || is_stale(job)) return;
  let_go(job.attempt, static_cast<std::uint32_t>(job.part), job.ordinal);
}

// The ordinal by which the part before an edge ran on this machine.
std::uint32_t Simulator::maker_of(const Attempt& attempt, const CompiledEdge& edge,
                                  std::uint32_t machine) const {
  const auto index = static_cast<std::size_t>(edge.from_part);
  const CompiledPart& maker = plan_of(attempt).parts[index];
  if (maker.placement != Placement::kRace) return attempt.course.ordinal[index];
  const auto at = std::ranges::find(maker.machines, machine);
  return static_cast<std::uint32_t>(at - maker.machines.begin());
}

// What a part takes from one on its own machine.
void Simulator::hold_source_of(Attempt& attempt, const CompiledEdge& edge, std::uint32_t machine) {
  if (!use_credits_ || edge.from_part < 0) return;
  const CompiledPart& maker = plan_of(attempt).parts[static_cast<std::size_t>(edge.from_part)];
  ++attempt.holds[counter_of(maker, maker_of(attempt, edge, machine))];
}

void Simulator::let_go(std::uint32_t slot, std::uint32_t index, std::uint32_t ordinal) {
  Attempt& attempt = attempts_[slot];
  const CompiledPlan& plan = plan_of(attempt);
  const CompiledPart& part = plan.parts[index];
  if (--attempt.holds[counter_of(part, ordinal)] > 0) return;
  for (const std::uint32_t e : part.in_edges) {
    const CompiledEdge& edge = plan.edges[e];
    Slot& input = attempt.slots[slot_of(edge, plan, ordinal)];
    if (input.credit != kNone) events_.push(now_, {.what = What::kCredit, .a = input.credit});
    input.credit = kNone;
    if (input.input == kHere && edge.from_part >= 0)
      let_go(slot, static_cast<std::uint32_t>(edge.from_part),
             maker_of(attempt, edge, part.machines[ordinal]));
  }
}

}  // namespace isthmus
