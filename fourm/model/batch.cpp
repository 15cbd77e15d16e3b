#include "fourm/model/batch.h"

#include <algorithm>
#include <numeric>

#include "fourm/core/error.h"
#include "fourm/kernels/upload.h"
#include "fourm/model/embedding.h"

namespace fourm {
namespace {

// Row of the list -> row of the concatenated groups.
template <class Groups>
Tensor packing_order(const Groups& groups, int64_t total) {
  std::vector<int64_t> order(static_cast<size_t>(total));
  int64_t next = 0;
  for (const auto& group : groups)
    for (const int64_t row : group.rows) order[row] = next++;
  return to_tensor(order);
}

template <class Groups>
auto& find_group(Groups& groups, const std::string& name, const ModalityLookup& modality) {
  const auto found = std::find_if(groups.begin(), groups.end(), [&](const auto& g) { return g.modality.name == name; });
  if (found != groups.end()) return *found;
  groups.emplace_back();
  groups.back().modality = modality(name);
  return groups.back();
}

void append(std::vector<int64_t>& all, const std::vector<int64_t>& values) {
  all.insert(all.end(), values.begin(), values.end());
}

// Sequence positions of the decoder have no upper limit: those beyond max_length become 0 (DecoderEmbedding).
void check_positions(const std::vector<int64_t>& positions, const Modality& m, bool limited) {
  const int64_t rows = position_count(m);
  for (const int64_t position : positions) {
    check(position >= 0, "modality '", m.name, "': position ", position, " is negative");
    check(!limited || position < rows, "modality '", m.name, "': position ", position, " is beyond the ", rows,
          " that the model has; use fewer tokens");
  }
}

}  // namespace

std::vector<SampleRange> sample_ranges(const std::vector<int64_t>& lengths, int64_t rows) {
  std::vector<SampleRange> ranges;
  size_t sample = 0;
  int64_t end = 0;
  for (const int64_t n : lengths) {
    if (ranges.empty() || end - ranges.back().first_row >= rows) ranges.push_back({sample, sample, end, end});
    ranges.back().end = ++sample;
    ranges.back().end_row = end += n;
  }
  return ranges;
}

void check_token_ids(const std::vector<int64_t>& ids, const Modality& m) {
  for (const int64_t id : ids)
    check(id >= 0 && id < m.vocab_size, "modality '", m.name, "': token ", id, " is outside its vocabulary of ",
          m.vocab_size);
}

void EncoderPacker::place(Group& g, const std::vector<int64_t>& positions) {
  check(!lengths_.empty(), "[EncoderPacker] no sample has begun");
  check_positions(positions, g.modality, true);
  append(g.positions, positions);
  for (size_t i = 0; i < positions.size(); ++i) g.rows.push_back(total_++);
  lengths_.back() += static_cast<int64_t>(positions.size());
}

void EncoderPacker::add_ids(const std::string& modality, const std::vector<int64_t>& ids,
                            const std::vector<int64_t>& positions) {
  check(ids.size() == positions.size(), "[EncoderPacker] ", modality, ": ", ids.size(), " ids, ", positions.size(),
        " positions");
  if (ids.empty()) return;
  Group& g = find_group(groups_, modality, modality_);
  check_token_ids(ids, g.modality);
  append(g.ids, ids);
  place(g, positions);
}

void EncoderPacker::add_values(const std::string& modality, const Tensor& values,
                               const std::vector<int64_t>& positions) {
  check(values.dim() == 2 && values.size(0) == static_cast<int64_t>(positions.size()), "[EncoderPacker] ", modality,
        ": values ", values.sizes(), ", ", positions.size(), " positions");
  if (positions.empty()) return;
  Group& g = find_group(groups_, modality, modality_);
  g.values.push_back(values);
  place(g, positions);
}

EncoderBatch EncoderPacker::finish() const {
  EncoderBatch batch;
  for (const auto& g : groups_)
    batch.groups.push_back(
        {g.modality.name, g.values.empty() ? to_tensor(g.ids) : at::cat(g.values), to_tensor(g.positions)});
  batch.order = packing_order(groups_, total_);
  batch.lengths = lengths_;
  return batch;
}

void DecoderPacker::begin_sample() {
  lengths_.push_back(0);
  within_.segments.push_back({total_, total_, total_, total_});
}

void DecoderPacker::place(Group& g, const std::vector<int64_t>& positions, const std::vector<int64_t>& targets,
                          bool sequence) {
  check(!lengths_.empty(), "[DecoderPacker] no sample has begun");
  check_positions(positions, g.modality, !sequence);
  check_token_ids(targets, g.modality);
  append(g.positions, positions);
  append(g.targets, targets);
  const auto n = static_cast<int64_t>(positions.size());
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
  place(find_group(groups_, modality, modality_), positions, targets, false);
}

void DecoderPacker::add_sequence(const std::string& modality, const std::vector<int64_t>& ids,
                                 const std::vector<int64_t>& positions, const std::vector<int64_t>& targets) {
  check(ids.size() == positions.size(), "[DecoderPacker] ", modality, ": ", ids.size(), " ids, ", positions.size(),
        " positions");
  if (ids.empty()) return;
  Group& g = find_group(groups_, modality, modality_);
  check_token_ids(ids, g.modality);
  append(g.ids, ids);
  place(g, positions, targets, true);
}

DecoderBatch DecoderPacker::finish() const {
  DecoderBatch batch;
  for (const auto& g : groups_) {
    check(g.targets.empty() || g.targets.size() == g.positions.size(), "[DecoderPacker] ", g.modality.name, ": ",
          g.targets.size(), " targets for ", g.positions.size(), " slots");
    batch.groups.push_back({g.modality.name, g.ids.empty() ? Tensor() : to_tensor(g.ids), to_tensor(g.positions),
                            g.targets.empty() ? Tensor() : to_tensor(g.targets), to_tensor(g.rows)});
  }
  batch.order = packing_order(groups_, total_);
  batch.lengths = lengths_;
  batch.within = within_;
  return batch;
}

void to_device(EncoderBatch* inputs, DecoderBatch* targets, const Kernels& kernels) {
  if (kernels.device().is_cpu()) return;
  std::vector<Tensor*> tensors;
  const auto add = [&](std::initializer_list<Tensor*> more) { tensors.insert(tensors.end(), more); };
  const auto sum = [](const std::vector<int64_t>& lengths) {
    return std::accumulate(lengths.begin(), lengths.end(), int64_t{0});
  };
  if (inputs) {
    for (auto& group : inputs->groups) add({&group.content, &group.positions});
    add({&inputs->order});
    kernels.plan(*inputs->within, sum(inputs->lengths), sum(inputs->lengths), tensors);
  }
  if (targets) {
    for (auto& group : targets->groups) add({&group.ids, &group.positions, &group.targets, &group.rows});
    add({&targets->order});
    kernels.plan(targets->within, sum(targets->lengths), sum(targets->lengths), tensors);
    // Queries after the last segment have no context (DecoderBlock).
    const auto& segments = targets->across->segments;
    if (!segments.empty()) kernels.plan(*targets->across, segments.back().q_end, segments.back().k_end, tensors);
  }
  upload(tensors, kernels.device());
}

Batch pack(const std::vector<MaskedSample>& samples, const ModalityLookup& modality, bool causal, bool separate) {
  EncoderPacker inputs(modality);
  DecoderPacker targets(modality, causal, separate);
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
