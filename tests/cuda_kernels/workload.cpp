#include "cuda_kernels/workload.hpp"

#include "cuda_kernels/calls.hpp"

namespace fluxsbi::test {

namespace {

constexpr size_t B = 256, F = 40, H = 4, D = 10, m = 160, stream_tokens = 2, all_tokens = 4;
constexpr int double_blocks = 4, single_blocks = 8;

class Workload {
 public:
  Workload(Check& check, Kind kind) : check_(check), kind_(kind) {}

  std::vector<WorkloadKernel> made;

  void norm(const std::string& where, size_t T, int times) {
    const size_t n = T * B * F;
    kernels::ModulatedNorm call;
    call.T = static_cast<int64_t>(T), call.B = B, call.F = F, call.eps = norm_eps;
    call.x_type = call.modulation_type = call.y_type = storage(kind_);
    call.shift_stride = call.scale_stride = F;
    call.x = some(n), call.shift = some(B * F), call.scale = some(B * F), call.y = room(n);
    kernels::ModulatedNormGradient gradient;
    gradient.of = call;
    gradient.dy = some(n), gradient.dx = room(n), gradient.dshift = room(B * F),
    gradient.dscale = room(B * F);
    add("modulated_norm", where, times, 9.0 * static_cast<double>(n),
        [=] { kernels::modulated_norm(call, nullptr); });
    add("modulated_norm_gradient", where, times, 26.0 * static_cast<double>(n),
        [=] { kernels::modulated_norm_gradient(gradient, nullptr); });
  }

  void residual(const std::string& where, size_t T, int times) {
    const size_t n = T * B * F;
    kernels::GatedResidual call;
    call.T = static_cast<int64_t>(T), call.B = B, call.F = F, call.gate_stride = F;
    call.type = storage(kind_);
    call.x = some(n), call.y = some(n), call.gate = some(B * F), call.out = room(n);
    kernels::GatedResidualGradient gradient;
    gradient.of = call;
    gradient.dout = some(n), gradient.dy = room(n), gradient.dgate = room(B * F);
    add("gated_residual", where, times, 2.0 * static_cast<double>(n),
        [=] { kernels::gated_residual(call, nullptr); });
    add("gated_residual_gradient", where, times, 3.0 * static_cast<double>(n),
        [=] { kernels::gated_residual_gradient(gradient, nullptr); });
  }

  void mlp(const std::string& where, size_t T, int times) {
    const size_t n = T * B * m;
    const kernels::Gelu call{static_cast<int64_t>(n), storage(kind_), some(n), room(n)};
    const kernels::GeluGradient gradient{call.n, call.type, some(n), some(n), room(n)};
    add("gelu", where, times, 16.0 * static_cast<double>(n), [=] { kernels::gelu(call, nullptr); });
    add("gelu_gradient", where, times, 24.0 * static_cast<double>(n),
        [=] { kernels::gelu_gradient(gradient, nullptr); });
  }

  void attention(const std::string& where, const reference::AttentionShape& shape, int times) {
    AttentionCall made_call(check_, shape, kind_, 7);
    const size_t width = shape.F() + shape.m;
    const auto out = [&](size_t T) { return room(T * shape.B * width); };
    kernels::Attention& call = made_call.call;
    call.first.out = out(shape.T0);
    if (shape.T1 > 0) call.second.out = out(shape.T1);
    kernels::AttentionGradient gradient;
    gradient.of = call;
    gradient.first = {some(shape.T0 * shape.B * width), room(shape.T0 * shape.B * shape.row())};
    if (shape.T1 > 0)
      gradient.second = {some(shape.T1 * shape.B * width), room(shape.T1 * shape.B * shape.row())};
    const auto blocks = static_cast<size_t>(call.B * kernels::plan_attention_gradient(call).groups);
    gradient.dscales = check_.output("dscales", Kind::float32, blocks * 4 * D).as<float>();
    const auto vectors = static_cast<double>(shape.T() * B * H * D), T = static_cast<double>(shape.T());
    const auto rest = static_cast<double>(shape.T() * B * shape.m);
    add("attention", where, times, vectors * (4 * T + 20) + 16 * rest,
        [call] { kernels::attention(call, nullptr); });
    add("attention_gradient", where, times, vectors * (14 * T + 60) + 24 * rest,
        [gradient] { kernels::attention_gradient(gradient, nullptr); });
  }

  // Units of the weights: rows of `in` numbers each, and a bias.
  void layer(size_t out, size_t in) {
    for (size_t row = 0; row < out; ++row) unit(in, true);
    unit(out, false);
  }
  void unit(size_t length, bool decays) {
    table_.push_back(static_cast<double>(elements_));
    table_.push_back(static_cast<double>(length));
    table_.push_back(decays);
    elements_ += length;
    if (!decays) elements_ = (elements_ + 15) / 16 * 16;
  }

  void update() {
    kernels::Update call;
    call.units = static_cast<int64_t>(table_.size() / 3);
    call.table = check_.input("table", Kind::int64, table_).as<const int64_t>();
    call.scalars = check_.input("scalars", Kind::float32, {0.001, 0.01, 10, 0.001}).as<const float>();
    call.gradient = check_.input("gradient", Kind::float32, random_numbers(elements_, 3)).as<const float>();
    call.beta1 = 0.9F, call.beta2 = 0.99F, call.eps = 1e-8F, call.weight_decay = 0.01F;
    call.clip = kernels::Clip::adaptive, call.clip_value = 0.1F;
    call.least_weight_norm = 1e-3F, call.least_gradient_norm = 1e-6F;
    const auto state = [&] {
      return check_.in_place("state", Kind::float32, Numbers(elements_, 0.1)).as<float>();
    };
    call.master = state(), call.moment1 = state(), call.moment2 = state(), call.average = state();
    if (kind_ == Kind::bfloat16) call.working = room(elements_);
    call.squares = check_.in_place("squares", Kind::float32, Numbers(table_.size() / 3)).as<float>();
    call.norm = check_.output("norm", Kind::float32, 1).as<float>();
    add("update, gradient_norm", "all weights", 1, 20.0 * static_cast<double>(elements_),
        [call] { kernels::update(call, nullptr); });
  }

 private:
  void add(const std::string& what, const std::string& where, int times, double operations,
           std::function<void()> start) {
    made.push_back({what + ", " + where, times, std::move(start), operations});
  }
  void* some(size_t n) {
    return check_.input("input", kind_, random_numbers(n, static_cast<unsigned>(n))).data();
  }
  void* room(size_t n) { return check_.output("output", kind_, n).data(); }

  Check& check_;
  Kind kind_;
  Numbers table_;
  size_t elements_ = 0;
};

}  // namespace

std::vector<WorkloadKernel> training_step_kernels(Check& check, Kind kind) {
  Workload step(check, kind);
  step.norm("a stream", stream_tokens, 4 * double_blocks + 1);
  step.norm("single blocks", all_tokens, single_blocks);
  step.residual("a stream", stream_tokens, 4 * double_blocks);
  step.residual("single blocks", all_tokens, single_blocks);
  step.mlp("a stream", stream_tokens, 2 * double_blocks);
  step.attention("double blocks", {stream_tokens, stream_tokens, B, H, D, 0, true, true}, double_blocks);
  step.attention("single blocks", {all_tokens, 0, B, H, D, m, true, true}, single_blocks);
  for (int block = 0; block < 2 * double_blocks; ++block) {  // a stream each
    step.layer(6 * F, F), step.layer(3 * F, F), step.layer(F, F), step.layer(m, F), step.layer(F, m);
    step.unit(D, false), step.unit(D, false);
  }
  for (int block = 0; block < single_blocks; ++block) {
    step.layer(3 * F, F), step.layer(3 * F + m, F), step.layer(F, F + m);
    step.unit(D, false), step.unit(D, false);
  }
  step.layer(F, F * 6), step.layer(F, F), step.layer(2 * F, F);  // time vector (256 wide), last layer
  step.update();
  return std::move(step.made);
}

}  // namespace fluxsbi::test
