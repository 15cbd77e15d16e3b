#include "fourm/eval/text_image.h"

namespace fourm {
namespace {

struct Scores {
  std::vector<double> own, others, outranked;  // others: the mean of them
};

Scores score(const std::vector<Embedding>& images, const std::vector<Embedding>& texts,
             const std::vector<std::string>& captions) {
  Scores scores;
  for (size_t i = 0; i < images.size(); ++i) {
    const double own = similarity(images[i], texts[i]);
    double count = 0, sum = 0, less = 0;
    for (size_t k = 0; k < texts.size(); ++k) {
      if (captions[k] == captions[i]) continue;
      const double other = similarity(images[i], texts[k]);
      ++count;
      sum += other;
      less += other < own ? 1 : other == own ? 0.5 : 0;
    }
    scores.own.push_back(own);
    scores.others.push_back(count > 0 ? sum / count : own);
    if (count > 0) scores.outranked.push_back(less / count);
  }
  return scores;
}

}  // namespace

std::vector<Comparison> compare_text_image(const std::vector<Embedding>& generated, const std::vector<Embedding>& truth,
                                           const std::vector<Embedding>& texts,
                                           const std::vector<std::string>& captions) {
  const Scores model = score(generated, texts, captions), ceiling = score(truth, texts, captions);
  return {compare("rgb: cosine to caption", "", true, model.own, ceiling.own, model.others),
          compare("rgb: caption outranks others", "", true, model.outranked, ceiling.outranked,
                  std::vector<double>(model.outranked.size(), 0.5))};
}

}  // namespace fourm
