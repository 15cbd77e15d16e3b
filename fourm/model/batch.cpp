#include "fourm/model/batch.h"

#include <algorithm>
#include <numeric>

#include "fourm/core/error.h"

namespace fourm {
namespace {

Tensor to_tensor(const std::vector<int64_t>& values) {
  return at::from_blob(const_cast<int64_t*>(values.data()), {static_cast<int64_t>(values.size())}, at::kLong).clone();
}

// Row of the list -> row of the groups laid end to end.
template <class Groups>
Tensor packing_order(const Groups& groups, int64_t total) {
  std::vector<int64_t> order(static_cast<size_t>(total));
  int64_t next = 0;
  for (const auto& group : groups)
    for (const int64_t row : group.rows) order[row] = next++;
  return to_tensor(order);
}

template <class Groups>
auto& find_group(Groups& groups, const std::string& modality) {
  const auto found = std::find_if(groups.begin(), groups.end(), [&](const auto& g) { return g.modality == modality; });
  if (found != groups.end()) return *found;
  groups.emplace_back();
  groups.back().modality = modality;
  return groups.back();
}

}  // namespace

EncoderPacker::Group& EncoderPacker::group(const std::string& modality) { return find_group(groups_, modality); }

void EncoderPacker::place(Group& g, const std::vector<int64_t>& positions) {
  check(!lengths_.empty(), "[EncoderPacker] no sample has begun");
  g.positions.insert(g.positions.end(), positions.begin(), positions.end());
  for (size_t i = 0; i < positions.size(); ++i) g.rows.push_back(total_++);
  lengths_.back() += static_cast<int64_t>(positions.size());
}

void EncoderPacker::add_ids(const std::string& modality, const std::vector<int64_t>& ids,
                            const std::vector<int64_t>& positions) {
  check(ids.size() == positions.size(), "[EncoderPacker] ", modality, ": ", ids.size(), " ids, ", positions.size(),
        " positions");
  if (ids.empty()) return;
  Group& g = group(modality);
  g.ids.insert(g.ids.end(), ids.begin(), ids.end());
  place(g, positions);
}

void EncoderPacker::add_values(const std::string& modality, const Tensor& values,
                               const std::vector<int64_t>& positions) {
  check(values.dim() == 2 && values.size(0) == static_cast<int64_t>(positions.size()), "[EncoderPacker] ", modality,
        ": values ", values.sizes(), ", ", positions.size(), " positions");
  if (positions.empty()) return;
  Group& g = group(modality);
  g.values.push_back(values);
  place(g, positions);
}

EncoderBatch EncoderPacker::finish() const {
  EncoderBatch batch;
  for (const auto& g : groups_)
    batch.groups.push_back(
        {g.modality, g.values.empty() ? to_tensor(g.ids) : at::cat(g.values), to_tensor(g.positions)});
  batch.order = packing_order(groups_, total_);
  batch.lengths = lengths_;
  return batch;
}

DecoderPacker::Group& DecoderPacker::group(const std::string& modality) { return find_group(groups_, modality); }

void DecoderPacker::begin_sample() {
  lengths_.push_back(0);
  within_.segments.push_back({total_, total_, total_, total_});
}

void DecoderPacker::place(Group& g, int64_t n, bool sequence) {
  check(!lengths_.empty(), "[DecoderPacker] no sample has begun");
  if (separate_ && within_.segments.back().q_end != within_.segments.back().q_begin)
    within_.segments.push_back({total_, total_, total_, total_});
  auto& segment = within_.segments.back();
  const int64_t before = total_ - segment.k_begin;  // without separation, earlier slots of the sample are seen too
  for (int64_t i = 0; i < n; ++i) {
    g.rows.push_back(total_ + i);
    within_.visible.push_back(static_cast<int32_t>(before + (sequence || causal_ ? i + 1 : n)));
  }
  total_ += n;
  segment.q_end = segment.k_end = total_;
  lengths_.back() += n;
}

void DecoderPacker::add_grid(const std::string& modality, const std::vector<int64_t>& positions,
                             const std::vector<int64_t>& targets) {
  if (positions.empty()) return;
  Group& g = group(modality);
  g.positions.insert(g.positions.end(), positions.begin(), positions.end());
  g.targets.insert(g.targets.end(), targets.begin(), targets.end());
  place(g, static_cast<int64_t>(positions.size()), false);
}

void DecoderPacker::add_sequence(const std::string& modality, const std::vector<int64_t>& ids,
                                 const std::vector<int64_t>& positions, const std::vector<int64_t>& targets) {
  check(ids.size() == positions.size(), "[DecoderPacker] ", modality, ": ", ids.size(), " ids, ", positions.size(),
        " positions");
  if (ids.empty()) return;
  Group& g = group(modality);
  g.ids.insert(g.ids.end(), ids.begin(), ids.end());
  g.positions.insert(g.positions.end(), positions.begin(), positions.end());
  g.targets.insert(g.targets.end(), targets.begin(), targets.end());
  place(g, static_cast<int64_t>(ids.size()), true);
}

DecoderBatch DecoderPacker::finish() const {
  DecoderBatch batch;
  for (const auto& g : groups_) {
    check(g.targets.empty() || g.targets.size() == g.positions.size(), "[DecoderPacker] ", g.modality, ": ",
          g.targets.size(), " targets for ", g.positions.size(), " slots");
    batch.groups.push_back({g.modality, g.ids.empty() ? Tensor() : to_tensor(g.ids), to_tensor(g.positions),
                            g.targets.empty() ? Tensor() : to_tensor(g.targets), to_tensor(g.rows)});
  }
  batch.order = packing_order(groups_, total_);
  batch.lengths = lengths_;
  batch.within = within_;
  return batch;
}

Batch pack(const std::vector<MaskedSample>& samples, bool causal, bool separate) {
  EncoderPacker inputs;
  DecoderPacker targets(causal, separate);
  for (const auto& sample : samples) {
    inputs.begin_sample();
    for (const auto& run : sample.inputs) {
      if (run.width == 0) {
        inputs.add_ids(run.modality, run.ids, run.positions);
        continue;
      }
      const auto n = static_cast<int64_t>(run.positions.size());
      // finish() copies them out of the sample
      inputs.add_values(run.modality, at::from_blob(const_cast<float*>(run.values.data()), {n, run.width}, at::kFloat),
                        run.positions);
    }
    targets.begin_sample();
    for (const auto& run : sample.targets) {
      if (!run.positions.empty()) {
        targets.add_grid(run.modality, run.positions, run.ids);
      } else if (run.ids.size() > 1) {
        std::vector<int64_t> positions(run.ids.size() - 1);
        std::iota(positions.begin(), positions.end(), int64_t{0});
        targets.add_sequence(run.modality, {run.ids.begin(), run.ids.end() - 1}, positions,
                             {run.ids.begin() + 1, run.ids.end()});
      }
    }
  }
  return {inputs.finish(), targets.finish()};
}

}  // namespace fourm
