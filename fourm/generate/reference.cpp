// The plain way to the scores (generate/scores.h).
#include <map>
#include <numeric>

#include "fourm/generate/scores.h"

namespace fourm {
namespace {

Tensor scores_of(const FourM& model, const std::string& target, const Views& views, size_t pass, size_t canvas,
                 const DecoderBatch& slots) {
  const Encoded encoded = model.encode(pack_inputs(model, {views.canvases[canvas]}, {views.passes[pass]}, views.ids));
  return model.logits(target, model.decode(slots, encoded).out).to(at::kFloat);
}

// Every token reads its whole prefix anew.
class PlainScores : public SequenceScores {
 public:
  PlainScores(const FourM& model, std::string target, const Views& views)
      : model_(model), target_(std::move(target)), views_(views) {}

  Tensor read(const std::vector<int64_t>& rows, int64_t position, const std::vector<int64_t>& tokens) override {
    std::vector<Tensor> scores;
    const auto canvases = views_.canvases.size(), each = tokens.size() / rows.size();
    for (size_t i = 0; i < rows.size(); ++i) {
      const auto row = static_cast<size_t>(rows[i]);
      auto& read = read_[row];
      read.resize(static_cast<size_t>(position));
      read.insert(read.end(), tokens.begin() + i * each, tokens.begin() + (i + 1) * each);
      std::vector<int64_t> positions(read.size());
      std::iota(positions.begin(), positions.end(), int64_t{0});
      DecoderPacker packer;
      packer.begin_sample();
      packer.add_sequence(target_, read, positions, {});
      scores.push_back(
          scores_of(model_, target_, views_, row / canvases, row % canvases, packer.finish()).slice(0, position));
    }
    return at::cat(scores);
  }

 private:
  const FourM& model_;
  std::string target_;
  Views views_;
  std::map<size_t, std::vector<int64_t>> read_;  // row -> its tokens so far
};

}  // namespace

Tensor grid_scores_plainly(const FourM& model, const std::string& target, const Views& views,
                           const std::vector<std::vector<int64_t>>& slots) {
  std::vector<Tensor> scores;
  for (size_t p = 0; p < views.passes.size(); ++p)
    for (size_t i = 0; i < slots.size(); ++i) {
      DecoderPacker packer;
      packer.begin_sample();
      packer.add_grid(target, slots[i], {});
      scores.push_back(scores_of(model, target, views, p, i, packer.finish()));
    }
  return at::cat(scores);
}

std::unique_ptr<SequenceScores> sequence_scores_plainly(const FourM& model, const std::string& target,
                                                        const Views& views) {
  return std::make_unique<PlainScores>(model, target, views);
}

}  // namespace fourm
