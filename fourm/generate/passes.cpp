#include "fourm/generate/passes.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <cmath>

#include "fourm/core/error.h"
#include "fourm/core/strings.h"

namespace fourm {
namespace {

Tensor known_rows(const ModalityData& data, const std::vector<int64_t>& slots) {
  Tensor rows = at::empty({static_cast<int64_t>(slots.size()), data.width}, at::kFloat);
  float* out = rows.data_ptr<float>();
  for (const int64_t slot : slots) out = std::copy_n(data.values.data() + slot * data.width, data.width, out);
  return rows;
}

void add_entry(const Canvas::Entry& entry, const Modality& modality, EncoderPacker& packer) {
  std::vector<int64_t> slots, positions;
  for (size_t i = 0; i < entry.known.size(); ++i) {
    if (!entry.known[i]) continue;
    positions.push_back(modality.is_sequence() ? static_cast<int64_t>(slots.size()) : static_cast<int64_t>(i));
    slots.push_back(static_cast<int64_t>(i));
  }
  if (entry.data.width) {
    packer.add_values(entry.modality, known_rows(entry.data, slots), positions);
    return;
  }
  std::vector<int64_t> ids;
  for (const int64_t slot : slots) ids.push_back(entry.data.ids[slot]);
  packer.add_ids(entry.modality, ids, positions);
}

// The entries of a canvas that the encoder reads in a pass, those that are emptied included.
std::vector<const Canvas::Entry*> visible_entries(const FourM& model, const Canvas& canvas, const Pass& pass) {
  std::vector<const Canvas::Entry*> visible;
  for (const auto& entry : canvas.entries)
    if (model.encoder.embeddings().contains(entry.modality) && !contains(pass.absent, entry.name))
      visible.push_back(&entry);
  return visible;
}

bool same_known(const Canvas::Entry& a, const Canvas::Entry& b) {
  if (a.known != b.known || a.data.width != b.data.width) return false;
  const auto width = static_cast<size_t>(a.data.width);
  for (size_t i = 0; i < a.known.size(); ++i) {
    if (!a.known[i]) continue;
    const auto begin = a.data.values.begin() + i * width;
    if (width ? !std::equal(begin, begin + width, b.data.values.begin() + i * width) : a.data.ids[i] != b.data.ids[i])
      return false;
  }
  return true;
}

}  // namespace

std::vector<Pass> passes_of(const Guidance& guidance) {
  if (!guidance.active()) return {{}};
  if (guidance.terms.empty()) return {{{}, {}, guidance.scale}, {guidance.conditions, {}, 0}};
  std::vector<std::string> all;
  for (const auto& term : guidance.terms) all.insert(all.end(), term.conditions.begin(), term.conditions.end());
  std::vector<Pass> passes;
  for (const auto& term : guidance.terms) {
    Pass pass{{}, {}, term.weight};
    for (const auto& name : all)
      if (!contains(term.conditions, name)) pass.absent.push_back(name);
    passes.push_back(std::move(pass));
  }
  passes.push_back({{}, all, 0});
  return passes;
}

void add_inputs(const FourM& model, const Canvas& canvas, const Pass& pass, const SequenceIds& ids,
                EncoderPacker& packer) {
  packer.begin_sample();
  for (const auto* entry : visible_entries(model, canvas, pass)) {
    const Modality& modality = model.encoder.embeddings().at(entry->modality).modality;
    if (!contains(pass.emptied, entry->name))
      add_entry(*entry, modality, packer);
    else if (modality.kind == ModalityKind::kSequence)
      packer.add_ids(entry->modality, {ids.start()}, {0});
    else if (modality.kind == ModalityKind::kEmbeddings)
      packer.add_values(entry->modality, at::zeros({1, modality.width}), {0});
  }
}

bool same_inputs(const FourM& model, const Canvas& a, const Canvas& b, const Pass& pass) {
  const auto same = [&](const Canvas::Entry* x, const Canvas::Entry* y) {
    const bool emptied = contains(pass.emptied, x->name);
    return x->modality == y->modality && emptied == contains(pass.emptied, y->name) && (emptied || same_known(*x, *y));
  };
  const auto left = visible_entries(model, a, pass), right = visible_entries(model, b, pass);
  return std::equal(left.begin(), left.end(), right.begin(), right.end(), same);
}

EncoderBatch pack_inputs(const FourM& model, const std::vector<const Canvas*>& canvases,
                         const std::vector<Pass>& passes, const SequenceIds& ids) {
  EncoderPacker packer(model.modalities());
  for (const Pass& pass : passes)
    for (const Canvas* canvas : canvases) add_inputs(model, *canvas, pass, ids, packer);
  return packer.finish();
}

std::vector<Tensor> split_passes(const Tensor& logits, size_t passes) {
  return logits.chunk(static_cast<int64_t>(passes), 0);
}

namespace {

Tensor combine_on_device(const std::vector<Tensor>& logits, const std::vector<Pass>& passes) {
  const Tensor& base = logits.back();
  Tensor result = base;
  for (size_t i = 0; i + 1 < logits.size(); ++i) result = result + (logits[i] - base) * passes[i].weight;
  return result;
}

void check_logits(bool finite, const std::string& target) {
  check(finite, "the logits of '", target, "' are not finite: the weights or an input hold NaN or infinite numbers");
}

}  // namespace

Tensor combine(const std::vector<Tensor>& logits, const std::vector<Pass>& passes, const std::string& target) {
  if (!logits.back().is_cpu()) {
    const Tensor result = combine_on_device(logits, passes);
    check_logits(at::isfinite(result).all().item<bool>(), target);
    return result;
  }
  std::vector<Tensor> rows;
  for (const Tensor& pass : logits) rows.push_back(pass.contiguous());
  const Tensor base = rows.back();
  Tensor result = rows.size() == 1 ? base : at::empty_like(base);
  std::atomic<bool> finite = true;
  at::parallel_for(0, base.numel(), 1 << 16, [&](int64_t begin, int64_t end) {
    const float* from = base.data_ptr<float>();
    float* to = result.data_ptr<float>();
    if (rows.size() > 1) std::copy(from + begin, from + end, to + begin);
    for (size_t i = 0; i + 1 < rows.size(); ++i) {
      const float* conditional = rows[i].data_ptr<float>();
      const auto weight = static_cast<float>(passes[i].weight);
      for (int64_t k = begin; k < end; ++k) to[k] += weight * (conditional[k] - from[k]);
    }
    bool all = true;
    for (int64_t k = begin; k < end; ++k) all &= std::isfinite(to[k]);
    if (!all) finite = false;
  });
  check_logits(finite, target);
  return result;
}

}  // namespace fourm
