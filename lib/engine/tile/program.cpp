#include "engine/tile/program.hpp"

#include <algorithm>
#include <numeric>
#include <set>

#include "core/stop.hpp"

namespace fluxsbi::engine::tile {

namespace {

bool reads(const Operation& operation, const Value& value) {
  const auto overlaps = [&](const Value& other) { return other.buffer == value.buffer; };
  return std::any_of(operation.sources.begin(), operation.sources.end(),
                     [&](const Source& source) { return overlaps(source.value); });
}

bool keeps(const Operation& operation, int buffer) {
  return std::any_of(operation.kept.begin(), operation.kept.end(),
                     [&](const Value& value) { return value.buffer == buffer; });
}

}  // namespace

Program::Program(Graph graph, Recompute recompute) : graph_(std::move(graph)) {
  order_forward();
  turn_ = steps_.size();
  if (graph_.wanted().any()) order_backward(recompute);
  place_buffers();
  for (const Graph::Node& node : graph_.nodes()) {
    scratch_size_ = std::max(scratch_size_, node.operation->scratch());
  }
}

void Program::order_forward() {
  for (const Level level : {Level::once, Level::per_time, Level::per_tile}) {
    for (const Graph::Node& node : graph_.nodes()) {
      if (node.level == level) steps_.push_back({&node, false, false});
    }
  }
}

void Program::order_backward(Recompute recompute) {
  const auto& nodes = graph_.nodes();
  const int last_block = nodes.back().block;
  for (size_t end = nodes.size(); end > 0;) {
    size_t begin = end;
    std::vector<const Graph::Node*> block;
    while (begin > 0 && nodes[begin - 1].block == nodes[end - 1].block) block.push_back(&nodes[--begin]);
    if (recompute == Recompute::blocks && block.front()->block != last_block) {
      bool begins = true;
      for (const Graph::Node* node : needed_again(block)) {
        steps_.push_back({node, false, begins});
        begins = false;
      }
    }
    for (const Graph::Node* node : block) {
      if (graph_.has_backward(*node)) steps_.push_back({node, true, false});
    }
    end = begin;
  }
}

// Of a block, last operation first: those whose results its backward pass reads, first operation first.
std::vector<const Graph::Node*> Program::needed_again(const std::vector<const Graph::Node*>& block) const {
  std::vector<const Graph::Node*> needed;
  for (const Graph::Node* node : block) {
    if (node->level != Level::per_tile) continue;
    const Operation& operation = *node->operation;
    const bool kept = std::any_of(block.begin(), block.end(), [&](const Graph::Node* other) {
      return keeps(*other->operation, operation.out.buffer) ||
             (operation.statistics && keeps(*other->operation, operation.statistics.buffer));
    });
    const bool read = std::any_of(needed.begin(), needed.end(), [&](const Graph::Node* other) {
      return reads(*other->operation, operation.out);
    });
    if (kept || read) needed.push_back(node);
  }
  std::reverse(needed.begin(), needed.end());
  return needed;
}

// What each step reads and writes, and in the end what the caller reads. Buffers are numbered, values first,
// then gradients.
std::vector<Access> Program::accesses() const {
  const size_t count = graph_.buffers().size();
  const auto value = [](const Value& of) { return static_cast<size_t>(of.buffer); };
  const auto gradient = [&](const Value& of) { return count + value(of); };
  std::vector<size_t> all_values(count);
  std::iota(all_values.begin(), all_values.end(), size_t{0});

  std::vector<Access> list;
  for (size_t i = 0; i < steps_.size(); ++i) {
    const Operation& operation = *steps_[i].node->operation;
    Access step;
    if (steps_[i].backward) {
      for (const Value& kept : operation.kept) step.reads.push_back(value(kept));
      step.reads.push_back(gradient(operation.out));
      for (const Source& source : operation.sources) {
        if (source.wanted) step.writes.push_back(gradient(source.value));
      }
    } else {
      for (const Source& source : operation.sources) step.reads.push_back(value(source.value));
      step.writes.push_back(value(operation.out));
      if (operation.statistics) step.writes.push_back(value(operation.statistics));
    }
    if (steps_[i].begins_again) step.renewed = all_values;
    list.push_back(std::move(step));
  }
  list.emplace_back();  // the caller, after the last step
  list[turn_].reads.push_back(value(graph_.output()));
  if (turn_ < steps_.size()) list[turn_].writes.push_back(gradient(graph_.output()));
  for (const Slot slot : graph_.wanted().inputs) {
    const auto input = graph_.inputs().find(slot);
    if (input != graph_.inputs().end()) list.back().reads.push_back(gradient(input->second));
  }
  return list;
}

// Inputs, constants and what is not computed for every tile have a place of their own.
std::vector<size_t> Program::what_stays() const {
  const bool trains = turn_ < steps_.size();
  std::set<size_t> stays;
  for (size_t i = 0; i < graph_.buffers().size(); ++i) {
    const Graph::Buffer& buffer = graph_.buffers()[i];
    if (!buffer.constant.empty() || buffer.level == Level::once ||
        (buffer.level == Level::per_time && !trains)) {
      stays.insert(i);
    }
  }
  for (const auto& [slot, input] : graph_.inputs()) stays.insert(static_cast<size_t>(input.buffer));
  return {stays.begin(), stays.end()};
}

void Program::place_buffers() {
  const size_t count = graph_.buffers().size();
  const auto lives = lives_of(accesses(), 2 * count, what_stays());
  std::vector<Request> requests;
  for (size_t i = 0; i < 2 * count; ++i) {
    const Graph::Buffer& buffer = graph_.buffers()[i % count];
    requests.push_back({buffer.T * buffer.F * lanes, lives[i]});
  }
  const Places places = place(requests);
  for (size_t i = 0; i < count; ++i) {
    placement_.buffers.push_back(
        {places.offsets[i], places.offsets[count + i], graph_.buffers()[i].F * lanes});
  }
  arena_size_ = places.size;
}

void Program::prepare(const Frame& frame) const {
  for (size_t i = 0; i < graph_.buffers().size(); ++i) {
    const auto& numbers = graph_.buffers()[i].constant;
    float* to = frame.arena + placement_.buffers[i].value;
    for (const float number : numbers) to = std::fill_n(to, lanes, number);
  }
}

void Program::forward(const Frame& frame, Level level) const {
  for (size_t i = 0; i < turn_; ++i) {
    core::interruption_point();  // of tens of thousands of tokens an operation takes seconds
    if (steps_[i].node->level >= level) steps_[i].node->operation->forward(frame);
  }
}

void Program::backward(const Frame& frame) const {
  for (size_t i = turn_; i < steps_.size(); ++i) {
    const Step& step = steps_[i];
    core::interruption_point();
    if (!step.backward) {
      step.node->operation->forward(frame);
      continue;
    }
    for (const Cells& zeros : step.node->zeros) {
      const auto& buffer = placement_.buffers[static_cast<size_t>(zeros.buffer)];
      std::fill_n(frame.arena + buffer.gradient + zeros.first * lanes, zeros.count * lanes, 0.0F);
    }
    step.node->operation->backward(frame);
  }
}

Arena::Arena(const Program& program)
    : memory_(static_cast<size_t>(program.arena_size() + program.scratch_size())) {
  frame_.kernels = &kernels();
  frame_.placement = &program.placement();
  frame_.weights = &program.graph().weights();
  frame_.arena = memory_.data();
  frame_.scratch = memory_.data() + program.arena_size();
  program.prepare(frame_);
}

}  // namespace fluxsbi::engine::tile
