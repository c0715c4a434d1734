#include "engine/tile/program.hpp"

#include <algorithm>
#include <new>

#include "engine/tile/planner.hpp"

namespace fluxsbi::engine::tile {

namespace {

constexpr std::align_val_t cache_line{64};

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

// The lives of all buffers: first the values, then the gradients.
class Program::Planner {
 public:
  explicit Planner(const Program& program) : program_(program), count_(program.graph_.buffers().size()) {
    requests_.resize(2 * count_);
    stays_.resize(count_, false);
    open_.resize(2 * count_, false);
    const auto& buffers = program.graph_.buffers();
    for (size_t i = 0; i < count_; ++i) {
      requests_[i].size = requests_[count_ + i].size = buffers[i].T * buffers[i].F * lanes;
    }
  }

  std::vector<Request> requests() {
    const int last = static_cast<int>(program_.steps_.size());
    pin_what_stays(last);
    for (int time = 0; time < last; ++time) {
      if (time == static_cast<int>(program_.turn_)) write(gradient(program_.graph_.output()), time);
      const Step& step = program_.steps_[static_cast<size_t>(time)];
      if (time > static_cast<int>(program_.turn_) && !step.backward &&
          program_.steps_[static_cast<size_t>(time) - 1].backward) {
        begin_pass();
      }
      step.backward ? add_backward(*step.node->operation, time) : add_forward(*step.node->operation, time);
    }
    read(value(program_.graph_.output()), static_cast<int>(program_.turn_));
    for (const auto& [slot, input] : program_.graph_.inputs()) {
      if (program_.graph_.wanted().inputs.contains(slot)) read(gradient(input), last);
    }
    return std::move(requests_);
  }

 private:
  size_t value(const Value& of) const { return static_cast<size_t>(of.buffer); }
  size_t gradient(const Value& of) const { return count_ + static_cast<size_t>(of.buffer); }

  // Inputs, constants and what is not computed for every tile have a place of their own.
  void pin_what_stays(int last) {
    const auto& buffers = program_.graph_.buffers();
    const bool trains = program_.turn_ < program_.steps_.size();
    for (size_t i = 0; i < count_; ++i) {
      stays_[i] = !buffers[i].constant.empty() || buffers[i].level == Level::once ||
                  (buffers[i].level == Level::per_time && !trains);
    }
    for (const auto& [slot, input] : program_.graph_.inputs()) stays_[value(input)] = true;
    for (size_t i = 0; i < count_; ++i) {
      if (stays_[i]) requests_[i].lives = {{-1, last}};
      open_[i] = stays_[i];
    }
  }

  void add_forward(const Operation& operation, int time) {
    for (const Source& source : operation.sources) read(value(source.value), time);
    write(value(operation.out), time);
    if (operation.statistics) write(value(operation.statistics), time);
  }
  void add_backward(const Operation& operation, int time) {
    for (const Value& kept : operation.kept) read(value(kept), time);
    read(gradient(operation.out), time);
    for (const Source& source : operation.sources) {
      if (source.wanted) write(gradient(source.value), time);
    }
  }

  // A block is computed again: until then its values need not be kept, and now they live anew.
  void begin_pass() {
    for (size_t i = 0; i < count_; ++i) open_[i] = stays_[i];
  }

  // Parts of a buffer are written one by one: they share a life.
  void write(size_t request, int time) {
    auto& lives = requests_[request].lives;
    if (!open_[request]) lives.push_back({time, time});
    open_[request] = true;
    lives.back().last = std::max(lives.back().last, time);
  }
  void read(size_t request, int time) {
    auto& lives = requests_[request].lives;
    if (!lives.empty()) lives.back().last = std::max(lives.back().last, time);
  }

  const Program& program_;
  size_t count_;
  std::vector<Request> requests_;
  std::vector<bool> stays_;  // values with a place of their own
  std::vector<bool> open_;   // a life has begun in this pass
};

Program::Program(Graph graph, Recompute recompute) : graph_(std::move(graph)) {
  order_forward();
  turn_ = steps_.size();
  if (graph_.wanted().any()) {
    order_backward(recompute);
    find_zeros();
  }
  const Places places = place(Planner(*this).requests());
  const size_t count = graph_.buffers().size();
  for (size_t i = 0; i < count; ++i) {
    placement_.buffers.push_back(
        {places.offsets[i], places.offsets[count + i], graph_.buffers()[i].F * lanes});
  }
  arena_size_ = places.size;
  for (const Graph::Node& node : graph_.nodes()) {
    scratch_size_ = std::max(scratch_size_, node.operation->scratch());
  }
}

void Program::order_forward() {
  for (const Level level : {Level::once, Level::per_time, Level::per_tile}) {
    for (const Graph::Node& node : graph_.nodes()) {
      if (node.level == level) steps_.push_back({&node, false, {}});
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
      for (const Graph::Node* node : needed_again(block)) steps_.push_back({node, false, {}});
    }
    for (const Graph::Node* node : block) {
      const Value& out = node->operation->out;
      if (graph_.buffers()[static_cast<size_t>(out.buffer)].wanted) steps_.push_back({node, true, {}});
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

// Which cells of gradients something has been written to.
class Program::Written {
 public:
  explicit Written(const Graph& graph) : graph_(graph) {
    for (const Graph::Buffer& buffer : graph.buffers()) {
      cells_.emplace_back(static_cast<size_t>(buffer.T * buffer.F), false);
    }
  }

  bool any(const Value& value) const {
    bool found = false;
    over(value, [&](int64_t cell) { found = found || cells(value)[static_cast<size_t>(cell)]; });
    return found;
  }

  /// Marks all cells; appends those that were not marked.
  void fill(const Value& value, std::vector<Zeros>& zeros) {
    auto& marks = cells_[static_cast<size_t>(value.buffer)];
    over(value, [&](int64_t cell) {
      if (marks[static_cast<size_t>(cell)]) return;
      marks[static_cast<size_t>(cell)] = true;
      const bool goes_on = !zeros.empty() && zeros.back().buffer == value.buffer &&
                           zeros.back().first + zeros.back().count == cell;
      if (!goes_on) zeros.push_back({value.buffer, cell, 0});
      ++zeros.back().count;
    });
  }

 private:
  const std::vector<bool>& cells(const Value& value) const {
    return cells_[static_cast<size_t>(value.buffer)];
  }
  template <class Body>
  void over(const Value& value, const Body& body) const {
    const int64_t features = graph_.buffers()[static_cast<size_t>(value.buffer)].F;
    for (int64_t t = 0; t < value.T; ++t) {
      const int64_t first = (value.first_token + t) * features + value.first_feature;
      for (int64_t cell = first; cell < first + value.F; ++cell) body(cell);
    }
  }

  const Graph& graph_;
  std::vector<std::vector<bool>> cells_;
};

void Program::find_zeros() {
  Written written(graph_);
  std::vector<Zeros> none;
  written.fill(graph_.output(), none);  // by the caller
  for (size_t i = turn_; i < steps_.size(); ++i) {
    if (!steps_[i].backward) continue;
    Operation& operation = *steps_[i].node->operation;
    written.fill(operation.out, steps_[i].zeros);
    for (Source& source : operation.sources) {
      if (!source.wanted) continue;
      source.adds = written.any(source.value);
      written.fill(source.value, source.adds ? steps_[i].zeros : none);
    }
  }
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
    if (steps_[i].node->level >= level) steps_[i].node->operation->forward(frame);
  }
}

void Program::backward(const Frame& frame) const {
  for (size_t i = turn_; i < steps_.size(); ++i) {
    const Step& step = steps_[i];
    if (!step.backward) {
      step.node->operation->forward(frame);
      continue;
    }
    for (const Zeros& zeros : step.zeros) {
      const auto& buffer = placement_.buffers[static_cast<size_t>(zeros.buffer)];
      std::fill_n(frame.arena + buffer.gradient + zeros.first * lanes, zeros.count * lanes, 0.0F);
    }
    step.node->operation->backward(frame);
  }
}

Arena::Arena(const Program& program) {
  const int64_t size = program.arena_size() + program.scratch_size();
  memory_.reset(static_cast<float*>(::operator new(static_cast<size_t>(size) * sizeof(float), cache_line)));
  std::fill_n(memory_.get(), size, 0.0F);
  frame_.kernels = &kernels();
  frame_.placement = &program.placement();
  frame_.weights = &program.graph().weights();
  frame_.arena = memory_.get();
  frame_.scratch = memory_.get() + program.arena_size();
  program.prepare(frame_);
}

void Arena::Free::operator()(float* numbers) const {
  ::operator delete(numbers, cache_line);
}

}  // namespace fluxsbi::engine::tile
