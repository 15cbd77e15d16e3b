// The reference of generate/logits.h: each pass and canvas alone, without caches.
#include <map>
#include <numeric>

#include "fourm/generate/logits.h"

namespace fourm {
namespace {

Tensor logits_of(const FourM& model, const std::string& target, const Views& views, size_t pass, size_t canvas,
                 const DecoderBatch& slots) {
  const Encoded encoded = model.encoder(pack_inputs(model, {views.canvases[canvas]}, {views.passes[pass]}, views.ids));
  return model.decoder.logits(target, model.decoder(slots, encoded).out).to(at::kFloat);
}

// Decodes the whole prefix for each token.
class ReferenceLogits : public SequenceLogits {
 public:
  ReferenceLogits(std::string target, const Views& views) : target_(std::move(target)), views_(views) {}

  Tensor read(const FourM& model, const std::vector<int64_t>& rows, int64_t position,
              const std::vector<int64_t>& tokens) override {
    std::vector<Tensor> logits;
    const auto canvases = views_.canvases.size(), each = tokens.size() / rows.size();
    for (size_t i = 0; i < rows.size(); ++i) {
      const auto row = static_cast<size_t>(rows[i]);
      auto& read = read_[row];
      read.resize(static_cast<size_t>(position));
      read.insert(read.end(), tokens.begin() + i * each, tokens.begin() + (i + 1) * each);
      std::vector<int64_t> positions(read.size());
      std::iota(positions.begin(), positions.end(), int64_t{0});
      DecoderPacker packer(model.modalities());
      packer.begin_sample();
      packer.add_sequence(target_, read, positions, {});
      logits.push_back(
          logits_of(model, target_, views_, row / canvases, row % canvases, packer.finish()).slice(0, position));
    }
    return at::cat(logits);
  }

 private:
  std::string target_;
  Views views_;
  std::map<size_t, std::vector<int64_t>> read_;  // row -> its tokens so far
};

}  // namespace

Tensor reference_grid_logits(const FourM& model, const std::string& target, const Views& views,
                             const std::vector<std::vector<int64_t>>& slots) {
  std::vector<Tensor> logits;
  for (size_t p = 0; p < views.passes.size(); ++p)
    for (size_t i = 0; i < slots.size(); ++i) {
      DecoderPacker packer(model.modalities());
      packer.begin_sample();
      packer.add_grid(target, slots[i], {});
      logits.push_back(logits_of(model, target, views, p, i, packer.finish()));
    }
  return at::cat(logits);
}

std::unique_ptr<SequenceLogits> reference_sequence_logits(const std::string& target, const Views& views) {
  return std::make_unique<ReferenceLogits>(target, views);
}

}  // namespace fourm
