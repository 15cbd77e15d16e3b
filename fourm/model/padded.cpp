#include "fourm/model/padded.h"

#include <algorithm>

#include "fourm/core/error.h"

namespace fourm {
namespace {

std::vector<bool> flags(const Tensor& row) {
  const Tensor t = row.to(at::kBool).contiguous();
  const bool* data = t.data_ptr<bool>();
  return std::vector<bool>(data, data + t.numel());
}

// All slots of one sample on one side, before selection.
struct Slot {
  size_t modality;  // index in the sample
  int64_t index;    // slot of the modality
  bool hidden;
  int64_t attention = 0, target = 0;
};

// Stable partition by hidden, then the first `budget`.
std::vector<Slot> keep_first(std::vector<Slot> slots, int64_t budget) {
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
  check(h % p == 0 && w % p == 0, "a picture of ", h, " x ", w, " pixels is not a whole number of patches of ", p);
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

PaddedBatch select_visible(const FourM& model, const PaddedSample& sample, int64_t encoder_budget,
                           int64_t decoder_budget) {
  check(!sample.empty(), "[select_visible] the batch has no modality");
  const int64_t samples = sample[0].tensor.size(0), registers = model.config().num_register_tokens;
  std::vector<Modality> infos;
  for (const auto& m : sample) {
    infos.push_back(model.modality(m.name));
    check(m.tensor.size(0) == samples && m.input_mask.size(0) == samples && m.target_mask.size(0) == samples,
          "modality '", m.name, "': another number of samples than ", sample[0].name);
  }
  PaddedBatch result;
  EncoderPacker inputs;
  DecoderPacker targets(model.config().decoder_causal_mask, model.config().decoder_sep_mask);
  std::vector<std::vector<Slot>> encoder_rows, decoder_rows;
  for (int64_t b = 0; b < samples; ++b) {
    std::vector<Slot> in, out;
    for (size_t k = 0; k < sample.size(); ++k) {
      const PaddedModality& m = sample[k];
      if (model.inputs().contains(m.name)) {
        const auto hidden = flags(m.input_mask[b]);
        for (size_t i = 0; i < hidden.size(); ++i) in.push_back({k, static_cast<int64_t>(i), hidden[i]});
      }
      if (!model.outputs().contains(m.name)) continue;
      const auto hidden = flags(m.target_mask[b]);
      const auto ids = integers(m.tensor[b]);
      const auto attention = m.decoder_attention_mask.defined() ? integers(m.decoder_attention_mask[b])
                                                                : std::vector<int64_t>(hidden.size(), 0);
      check(ids.size() == hidden.size() && attention.size() == hidden.size(), "modality '", m.name, "': ", ids.size(),
            " ids, but ", hidden.size(), " mask entries");
      const bool sequence = infos[k].is_sequence();
      for (size_t i = 0; i + (sequence ? 1 : 0) < hidden.size(); ++i)
        out.push_back({k, static_cast<int64_t>(i), hidden[i] || (sequence && hidden[i + 1]), attention[i],
                       ids[i + (sequence ? 1 : 0)]});
    }
    encoder_rows.push_back(keep_first(std::move(in), encoder_budget));
    decoder_rows.push_back(keep_first(std::move(out), decoder_budget));

    inputs.begin_sample();
    targets.begin_sample();
    for (size_t k = 0; k < sample.size(); ++k) {
      const PaddedModality& m = sample[k];
      std::vector<int64_t> slots;
      for (const auto& s : encoder_rows.back())
        if (s.modality == k && !s.hidden) slots.push_back(s.index);
      if (!slots.empty()) {
        const auto running = running_index(flags(m.input_mask[b]));
        std::vector<int64_t> positions;
        for (const int64_t i : slots) positions.push_back(infos[k].is_sequence() ? running[i] : i);
        const Tensor rows =
            content_rows(m, infos[k], b).index_select(0, at::tensor(at::ArrayRef<int64_t>(slots), at::kLong));
        if (rows.dim() == 2)
          inputs.add_values(m.name, rows, positions);
        else
          inputs.add_ids(m.name, integers(rows), positions);
      }
      std::vector<int64_t> positions, ids, wanted;
      const auto all_ids =
          infos[k].width || infos[k].kind == ModalityKind::kPixels ? std::vector<int64_t>() : integers(m.tensor[b]);
      const auto running = running_index(flags(m.target_mask[b]));
      for (const auto& s : decoder_rows.back()) {
        if (s.modality != k || s.hidden) continue;
        positions.push_back(infos[k].is_sequence() ? running[s.index] : s.index);
        ids.push_back(all_ids[s.index]);
        wanted.push_back(s.target);
      }
      if (infos[k].is_sequence())
        targets.add_sequence(m.name, ids, positions, wanted);
      else
        targets.add_grid(m.name, positions, wanted);
    }
  }
  result.packed = {inputs.finish(), targets.finish()};

  const auto n = static_cast<int64_t>(encoder_rows[0].size()), m = static_cast<int64_t>(decoder_rows[0].size());
  result.encoder = {at::zeros({samples, 1, registers + n}, at::kBool),
                    at::full({samples, registers + n}, -1, at::kShort)};
  result.decoder = {at::zeros({samples, 1, m}, at::kBool), at::full({samples, m}, -1, at::kShort)};
  result.target_ids = at::zeros({samples, m}, at::kLong);
  result.decoder_attention_mask = at::zeros({samples, m, m}, at::kBool);
  for (int64_t b = 0; b < samples; ++b) {
    auto in_mask = result.encoder.mask.accessor<bool, 3>();
    auto in_label = result.encoder.labels.accessor<int16_t, 2>();
    for (int64_t i = 0; i < n; ++i) {
      const Slot& s = encoder_rows[b][i];
      in_mask[b][0][registers + i] = s.hidden;
      if (!s.hidden) in_label[b][registers + i] = infos[s.modality].id();
    }
    auto out_mask = result.decoder.mask.accessor<bool, 3>();
    auto out_label = result.decoder.labels.accessor<int16_t, 2>();
    auto ids = result.target_ids.accessor<int64_t, 2>();
    auto hides = result.decoder_attention_mask.accessor<bool, 3>();
    int64_t visible = 0;
    for (int64_t i = 0; i < m; ++i) {
      const Slot& s = decoder_rows[b][i];
      out_mask[b][0][i] = s.hidden;
      if (!s.hidden) {
        out_label[b][i] = infos[s.modality].id();
        ids[b][i] = s.target;
      }
      visible += s.attention;
      for (int64_t j = 0; j < m; ++j)
        hides[b][i][j] = (model.config().decoder_causal_mask ? j > i : j >= visible) ||
                         (model.config().decoder_sep_mask && decoder_rows[b][j].modality != s.modality);
    }
  }
  return result;
}

}  // namespace fourm
