#include "fourm/eval/caption_comparison.h"

#include <numeric>

#include "fourm/coco/caption_scores.h"
#include "fourm/coco/ptb_words.h"

namespace fourm {
namespace {

std::vector<CaptionWords> words_of(const std::vector<std::string>& predicted,
                                   const std::vector<std::vector<std::string>>& truth) {
  std::vector<CaptionWords> captions(truth.size());
  for (size_t i = 0; i < truth.size(); ++i) {
    captions[i].predicted = ptb_words(predicted[i]);
    for (const auto& caption : truth[i]) captions[i].references.push_back(ptb_words(caption));
  }
  return captions;
}

std::vector<BleuCounts> counts_of(const std::vector<CaptionWords>& captions) {
  std::vector<BleuCounts> counts;
  for (const auto& caption : captions) counts.push_back(BleuCounts::of(caption));
  return counts;
}

double bleu_4(const std::vector<BleuCounts>& counts, const std::vector<size_t>& samples) {
  BleuCounts sum;
  for (const size_t i : samples) sum.add(counts[i]);
  return sum.scores()[3];
}

}  // namespace

std::vector<Comparison> compare_caption_words(const std::vector<std::string>& model,
                                              const std::vector<std::string>& ceiling,
                                              const std::vector<std::vector<std::string>>& truth, uint64_t seed) {
  std::vector<std::string> others;
  for (size_t i = 0; i < truth.size(); ++i) others.push_back(truth[(i + 1) % truth.size()].back());
  const auto of_model = words_of(model, truth), of_ceiling = words_of(ceiling, truth),
             of_others = words_of(others, truth);
  std::vector<size_t> all(truth.size());
  std::iota(all.begin(), all.end(), size_t{0});
  const auto counts = counts_of(of_model);
  Comparison bleu;
  bleu.name = "caption BLEU-4";
  bleu.model = bootstrap(all.size(), seed, [&](const std::vector<size_t>& samples) { return bleu_4(counts, samples); });
  bleu.ceiling = bleu_4(counts_of(of_ceiling), all);
  bleu.baseline = bleu_4(counts_of(of_others), all);
  return {compare("caption CIDEr", "", true, cider(of_model), cider(of_ceiling), cider(of_others)), bleu};
}

}  // namespace fourm
