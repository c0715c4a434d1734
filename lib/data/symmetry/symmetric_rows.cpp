#include "data/symmetry/symmetric_rows.hpp"

#include <utility>

namespace fluxsbi::data {

namespace {

class FormedArray final : public RowArray {
 public:
  FormedArray(RowArrayPtr rows, std::vector<SignedPermutation> forms)
      : RowArray(rows->rows() * std::ssize(forms), rows->row_size(), rows->is_single()),
        rows_(std::move(rows)),
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
    const auto width = static_cast<size_t>(row_size());
    for (size_t i = 0; i < wanted.size(); ++i) {
      forms_[static_cast<size_t>(wanted[i] / rows)].apply(std::span(values).subspan(i * width, width),
                                                          out.subspan(i * width, width));
    }
  }

 private:
  RowArrayPtr rows_;
  std::vector<SignedPermutation> forms_;
};

}  // namespace

std::shared_ptr<const RowSource> symmetric_rows(const RowSource& rows, std::vector<RowForm> forms) {
  std::vector<SignedPermutation> theta, x;
  for (RowForm& form : forms) {
    theta.push_back(std::move(form.theta));
    x.push_back(std::move(form.x));
  }
  return std::make_shared<RowSource>(std::make_shared<FormedArray>(rows.theta_array(), std::move(theta)),
                                     std::make_shared<FormedArray>(rows.x_array(), std::move(x)));
}

}  // namespace fluxsbi::data
