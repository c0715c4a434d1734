#include "data/symmetry/symmetric_rows.hpp"

#include <utility>

#include "core/philox.hpp"

namespace fluxsbi::data {

namespace {

// One side of the rows in their forms. The other side has the same donors.
class FormedArray final : public RowArray {
 public:
  FormedArray(RowArrayPtr rows, RowArrayPtr theta, bool of_x, std::shared_ptr<const RowForms> forms)
      : RowArray(rows->rows() * std::ssize(forms->forms), rows->row_size(), rows->is_single()),
        rows_(std::move(rows)),
        theta_(std::move(theta)),
        of_x_(of_x),
        forms_(std::move(forms)) {}

  bool in_memory() const override { return rows_->in_memory(); }

  void read(int64_t first, int64_t count, std::span<double> out) const override {
    std::vector<int64_t> wanted(static_cast<size_t>(count));
    for (int64_t i = 0; i < count; ++i) wanted[static_cast<size_t>(i)] = first + i;
    gather(wanted, out);
  }

  void gather(std::span<const int64_t> wanted, std::span<double> out) const override {
    const int64_t rows = rows_->rows();
    std::vector<int64_t> plain(wanted.begin(), wanted.end());
    for (int64_t& row : plain) row %= rows;
    std::vector<double> values(out.size());
    read_rows(*rows_, plain, values);
    if (!forms_->shifts.empty()) move(wanted, plain, values);
    const auto width = static_cast<size_t>(row_size());
    for (size_t i = 0; i < wanted.size(); ++i) {
      const RowForm& form = forms_->forms[static_cast<size_t>(wanted[i] / rows)];
      (of_x_ ? form.x : form.theta)
          .apply(std::span(values).subspan(i * width, width), out.subspan(i * width, width));
    }
  }

 private:
  // Shifts rows [wanted, row size] but for those of the first form.
  void move(std::span<const int64_t> wanted, std::span<const int64_t> plain, std::span<double> values) const {
    const std::vector<Shift>& shifts = forms_->shifts;
    std::vector<int64_t> donors;
    for (size_t i = 0; i < wanted.size(); ++i) {
      core::Philox random(0, core::Purpose::shuffle, static_cast<uint64_t>(wanted[i]), stream);
      for (size_t s = 0; s < shifts.size(); ++s)
        donors.push_back(forms_->donors[random.below(forms_->donors.size())]);
    }
    const auto parameters = static_cast<size_t>(theta_->row_size()), width = static_cast<size_t>(row_size());
    std::vector<double> own(plain.size() * parameters), others(donors.size() * parameters);
    read_rows(*theta_, plain, own);
    read_rows(*theta_, donors, others);
    for (size_t i = 0; i < wanted.size(); ++i) {
      if (wanted[i] == plain[i]) continue;
      const auto row = values.subspan(i * width, width);
      for (size_t s = 0; s < shifts.size(); ++s) {
        const size_t parameter = shifts[s].parameter;
        const double other = others[(i * shifts.size() + s) * parameters + parameter];
        if (of_x_)
          shifts[s].apply(own[i * parameters + parameter], other, row);
        else
          row[parameter] = other;
      }
    }
  }

  static constexpr uint32_t stream = 0x73686966;  // the same for every seed of a training

  RowArrayPtr rows_, theta_;
  bool of_x_;
  std::shared_ptr<const RowForms> forms_;
};

}  // namespace

std::shared_ptr<const RowSource> symmetric_rows(const RowSource& rows, RowForms forms) {
  const auto shared = std::make_shared<const RowForms>(std::move(forms));
  const auto side = [&](const RowArrayPtr& array, bool of_x) {
    return std::make_shared<FormedArray>(array, rows.theta_array(), of_x, shared);
  };
  return std::make_shared<RowSource>(side(rows.theta_array(), false), side(rows.x_array(), true));
}

}  // namespace fluxsbi::data
