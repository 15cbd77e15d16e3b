#include "fourm/parity/padded_batch.h"

#include <algorithm>

#include "fourm/core/error.h"

namespace fourm {
namespace {

std::vector<bool> flags(const Tensor& row) {
  const Tensor t = row.to(at::kBool).contiguous();
  const bool* data = t.data_ptr<bool>();
  return std::vector<bool>(data, data + t.numel());
}

// One slot of one side of a sample.
struct Slot {
  size_t modality;  // index in the sample
  int64_t index;    // slot of the modality
  bool hidden;
  int64_t attention = 0, target = 0;
};
using Slots = std::vector<Slot>;

// Stable partition by hidden, then the first `budget`.
Slots keep_first(Slots slots, int64_t budget) {
  std::stable_partition(slots.begin(), slots.end(), [](const Slot& s) { return !s.hidden; });
  if (static_cast<int64_t>(slots.size()) > budget) slots.resize(static_cast<size_t>(budget));
  return slots;
}

// Visible slots count 0, 1, 2, ...; what a sequence uses as positions.
std::vector<int64_t> running_index(const std::vector<bool>& hidden) {
  std::vector<int64_t> index(hidden.size(), 0);
  int64_t next = 0;
  for (size_t i = 0; i < hidden.size(); ++i)
    if (!hidden[i]) index[i] = next++;
  return index;
}

Tensor content_rows(const PaddedModality& m, const Modality& info, int64_t b) {
  if (info.kind == ModalityKind::kPixels) {
    check(m.tensor.dim() == 4 && m.tensor.size(1) == info.channels, "modality '", m.name, "': pixels ",
          m.tensor.sizes(), ", expected [B, ", info.channels, ", S, S]");
    return to_patches(m.tensor.slice(0, b, b + 1), info.patch_size)[0];
  }
  if (info.kind == ModalityKind::kEmbeddings) return m.tensor[b];
  return m.tensor[b].flatten().to(at::kLong);
}

}  // namespace

std::vector<int64_t> integers(const Tensor& values) {
  const Tensor t = values.to(at::kLong).contiguous();
  return std::vector<int64_t>(t.data_ptr<int64_t>(), t.data_ptr<int64_t>() + t.numel());
}

Tensor to_patches(const Tensor& pixels, int64_t p) {
  const int64_t b = pixels.size(0), c = pixels.size(1), h = pixels.size(2), w = pixels.size(3);
  check(h % p == 0 && w % p == 0, "an image of ", h, " x ", w, " pixels is not a whole number of patches of ", p);
  return pixels.reshape({b, c, h / p, p, w / p, p})
      .permute({0, 2, 4, 3, 5, 1})
      .reshape({b, h / p * (w / p), p * p * c});
}

Tensor to_padded(const Tensor& rows, const std::vector<int64_t>& lengths, int64_t n) {
  Tensor out = at::zeros({static_cast<int64_t>(lengths.size()), n, rows.size(1)}, rows.options());
  int64_t begin = 0;
  for (size_t b = 0; b < lengths.size(); ++b) {
    out[static_cast<int64_t>(b)].slice(0, 0, lengths[b]).copy_(rows.slice(0, begin, begin + lengths[b]));
    begin += lengths[b];
  }
  return out;
}

namespace {

std::vector<Modality> check_sample(const FourM& model, const PaddedSample& sample) {
  check(!sample.empty(), "[select_visible] the batch has no modality");
  const int64_t samples = sample[0].tensor.size(0);
  std::vector<Modality> infos;
  for (const auto& m : sample) {
    infos.push_back(model.modality(m.name));
    check(m.tensor.size(0) == samples && m.input_mask.size(0) == samples && m.target_mask.size(0) == samples,
          "modality '", m.name, "': another number of samples than ", sample[0].name);
  }
  return infos;
}

Slots all_inputs(const FourM& model, const PaddedSample& sample, int64_t b) {
  Slots slots;
  for (size_t k = 0; k < sample.size(); ++k) {
    if (!model.encoder.embeddings().contains(sample[k].name)) continue;
    const auto hidden = flags(sample[k].input_mask[b]);
    for (size_t i = 0; i < hidden.size(); ++i) slots.push_back({k, static_cast<int64_t>(i), hidden[i]});
  }
  return slots;
}

// A sequence predicts the next token, so its last slot is no target slot.
Slots all_targets(const FourM& model, const PaddedSample& sample, const std::vector<Modality>& infos, int64_t b) {
  Slots slots;
  for (size_t k = 0; k < sample.size(); ++k) {
    const PaddedModality& m = sample[k];
    if (!model.decoder.embeddings().contains(m.name)) continue;
    const auto hidden = flags(m.target_mask[b]);
    const auto ids = integers(m.tensor[b]);
    const auto attention = m.decoder_attention_mask.defined() ? integers(m.decoder_attention_mask[b])
                                                              : std::vector<int64_t>(hidden.size(), 0);
    check(ids.size() == hidden.size() && attention.size() == hidden.size(), "modality '", m.name, "': ", ids.size(),
          " ids, but ", hidden.size(), " mask entries");
    const size_t shift = infos[k].is_sequence() ? 1 : 0;
    for (size_t i = 0; i + shift < hidden.size(); ++i)
      slots.push_back({k, static_cast<int64_t>(i), hidden[i] || hidden[i + shift], attention[i], ids[i + shift]});
  }
  return slots;
}

Slots visible_of(const Slots& slots, size_t modality) {
  Slots visible;
  for (const Slot& s : slots)
    if (s.modality == modality && !s.hidden) visible.push_back(s);
  return visible;
}

void pack_inputs(EncoderPacker& packer, const PaddedModality& m, const Modality& info, const Slots& visible,
                 int64_t b) {
  if (visible.empty()) return;
  const auto running = running_index(flags(m.input_mask[b]));
  std::vector<int64_t> slots, positions;
  for (const Slot& s : visible) {
    slots.push_back(s.index);
    positions.push_back(info.is_sequence() ? running[static_cast<size_t>(s.index)] : s.index);
  }
  const Tensor rows = content_rows(m, info, b).index_select(0, at::tensor(at::ArrayRef<int64_t>(slots), at::kLong));
  if (rows.dim() == 2)
    packer.add_values(m.name, rows, positions);
  else
    packer.add_ids(m.name, integers(rows), positions);
}

void pack_targets(DecoderPacker& packer, const PaddedModality& m, const Modality& info, const Slots& visible,
                  int64_t b) {
  const bool has_ids = !info.width && info.kind != ModalityKind::kPixels;
  const auto all_ids = has_ids ? integers(m.tensor[b]) : std::vector<int64_t>();
  const auto running = running_index(flags(m.target_mask[b]));
  std::vector<int64_t> positions, ids, targets;
  for (const Slot& s : visible) {
    positions.push_back(info.is_sequence() ? running[static_cast<size_t>(s.index)] : s.index);
    ids.push_back(all_ids[static_cast<size_t>(s.index)]);
    targets.push_back(s.target);
  }
  if (info.is_sequence())
    packer.add_sequence(m.name, ids, positions, targets);
  else
    packer.add_grid(m.name, positions, targets);
}

void fill_encoder_side(PaddedBatch& batch, const std::vector<Slots>& slots, const std::vector<Modality>& infos,
                       int64_t registers) {
  const auto samples = static_cast<int64_t>(slots.size()), n = static_cast<int64_t>(slots[0].size());
  batch.encoder = {at::zeros({samples, 1, registers + n}, at::kBool),
                   at::full({samples, registers + n}, -1, at::kShort)};
  auto mask = batch.encoder.mask.accessor<bool, 3>();
  auto labels = batch.encoder.labels.accessor<int16_t, 2>();
  for (int64_t b = 0; b < samples; ++b)
    for (int64_t i = 0; i < n; ++i) {
      const Slot& s = slots[static_cast<size_t>(b)][static_cast<size_t>(i)];
      mask[b][0][registers + i] = s.hidden;
      if (!s.hidden) labels[b][registers + i] = infos[s.modality].id();
    }
}

void fill_decoder_side(PaddedBatch& batch, const std::vector<Slots>& slots, const std::vector<Modality>& infos,
                       const ModelConfig& config) {
  const auto samples = static_cast<int64_t>(slots.size()), m = static_cast<int64_t>(slots[0].size());
  batch.decoder = {at::zeros({samples, 1, m}, at::kBool), at::full({samples, m}, -1, at::kShort)};
  batch.target_ids = at::zeros({samples, m}, at::kLong);
  batch.decoder_attention_mask = at::zeros({samples, m, m}, at::kBool);
  auto mask = batch.decoder.mask.accessor<bool, 3>();
  auto labels = batch.decoder.labels.accessor<int16_t, 2>();
  auto ids = batch.target_ids.accessor<int64_t, 2>();
  auto hidden_pairs = batch.decoder_attention_mask.accessor<bool, 3>();
  for (int64_t b = 0; b < samples; ++b) {
    const Slots& row = slots[static_cast<size_t>(b)];
    int64_t visible = 0;
    for (int64_t i = 0; i < m; ++i) {
      const Slot& s = row[static_cast<size_t>(i)];
      mask[b][0][i] = s.hidden;
      if (!s.hidden) {
        labels[b][i] = infos[s.modality].id();
        ids[b][i] = s.target;
      }
      visible += s.attention;
      for (int64_t j = 0; j < m; ++j)
        hidden_pairs[b][i][j] = (config.decoder_causal_mask ? j > i : j >= visible) ||
                                (config.decoder_sep_mask && row[static_cast<size_t>(j)].modality != s.modality);
    }
  }
}

}  // namespace

PaddedBatch select_visible(const FourM& model, const PaddedSample& sample, int64_t encoder_budget,
                           int64_t decoder_budget) {
  const std::vector<Modality> infos = check_sample(model, sample);
  const int64_t samples = sample[0].tensor.size(0);
  EncoderPacker inputs(model.modalities());
  DecoderPacker targets(model.modalities(), model.config().decoder_causal_mask, model.config().decoder_sep_mask);
  std::vector<Slots> encoder_slots, decoder_slots;
  for (int64_t b = 0; b < samples; ++b) {
    encoder_slots.push_back(keep_first(all_inputs(model, sample, b), encoder_budget));
    decoder_slots.push_back(keep_first(all_targets(model, sample, infos, b), decoder_budget));
    inputs.begin_sample();
    targets.begin_sample();
    for (size_t k = 0; k < sample.size(); ++k) {
      pack_inputs(inputs, sample[k], infos[k], visible_of(encoder_slots.back(), k), b);
      pack_targets(targets, sample[k], infos[k], visible_of(decoder_slots.back(), k), b);
    }
  }
  PaddedBatch result;
  result.packed = {inputs.finish(), targets.finish()};
  fill_encoder_side(result, encoder_slots, infos, model.config().num_register_tokens);
  fill_decoder_side(result, decoder_slots, infos, model.config());
  return result;
}

}  // namespace fourm
