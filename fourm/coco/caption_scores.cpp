#include "fourm/coco/caption_scores.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <set>

#include "fourm/core/error.h"

namespace fourm {
namespace {

constexpr size_t kLongest = 4;  // words of an n-gram
constexpr double kDeviation = 6;

using Words = std::vector<std::string>;
using Counts = std::map<Words, int64_t>;  // of n-grams

Counts count_ngrams(const Words& words) {
  Counts counts;
  for (size_t n = 1; n <= kLongest; ++n)
    for (size_t i = 0; i + n <= words.size(); ++i)
      ++counts[Words(words.begin() + static_cast<int64_t>(i), words.begin() + static_cast<int64_t>(i + n))];
  return counts;
}

size_t closest_length(const CaptionWords& caption) {
  const auto distance = [&](size_t length) {
    const size_t own = caption.predicted.size();
    return std::pair(length > own ? length - own : own - length, length);
  };
  size_t best = caption.references[0].size();
  for (const auto& reference : caption.references)
    if (distance(reference.size()) < distance(best)) best = reference.size();
  return best;
}

// The n-grams of a caption, weighted by how often they occur in it and how rare they are in the set.
struct Weighted {
  std::array<std::map<Words, double>, kLongest> weights;
  std::array<double, kLongest> norms{};
  int64_t length = 0;  // in pairs of words

  Weighted(const Words& words, const Counts& images_with, double log_images) {
    for (const auto& [ngram, count] : count_ngrams(words)) {
      const auto found = images_with.find(ngram);
      const double images = found == images_with.end() ? 1 : static_cast<double>(found->second);
      const size_t n = ngram.size() - 1;
      const double weight = static_cast<double>(count) * (log_images - std::log(images));
      weights[n][ngram] = weight;
      norms[n] += weight * weight;
      if (n == 1) length += count;
    }
    for (double& norm : norms) norm = std::sqrt(norm);
  }
};

double similarity(const Weighted& predicted, const Weighted& reference) {
  const auto difference = static_cast<double>(predicted.length - reference.length);
  const double penalty = std::exp(-difference * difference / (2 * kDeviation * kDeviation));
  double sum = 0;
  for (size_t n = 0; n < kLongest; ++n) {
    double shared = 0;
    for (const auto& [ngram, weight] : predicted.weights[n])
      if (const auto found = reference.weights[n].find(ngram); found != reference.weights[n].end())
        shared += std::min(weight, found->second) * found->second;
    if (predicted.norms[n] != 0 && reference.norms[n] != 0) shared /= predicted.norms[n] * reference.norms[n];
    sum += shared * penalty;
  }
  return sum / kLongest;
}

}  // namespace

BleuCounts BleuCounts::of(const CaptionWords& caption) {
  check(!caption.references.empty(), "[BleuCounts] a caption without references");
  BleuCounts counts;
  Counts most;
  for (const auto& reference : caption.references)
    for (const auto& [ngram, count] : count_ngrams(reference)) most[ngram] = std::max(most[ngram], count);
  for (const auto& [ngram, count] : count_ngrams(caption.predicted)) {
    const auto found = most.find(ngram);
    if (found != most.end()) counts.correct[ngram.size() - 1] += static_cast<double>(std::min(count, found->second));
  }
  const auto words = static_cast<int64_t>(caption.predicted.size());
  for (size_t n = 0; n < kLongest; ++n)
    counts.guesses[n] = static_cast<double>(std::max<int64_t>(0, words - static_cast<int64_t>(n)));
  counts.length = static_cast<double>(words);
  counts.reference_length = static_cast<double>(closest_length(caption));
  return counts;
}

void BleuCounts::add(const BleuCounts& other) {
  for (size_t n = 0; n < kLongest; ++n) correct[n] += other.correct[n], guesses[n] += other.guesses[n];
  length += other.length;
  reference_length += other.reference_length;
}

std::array<double, 4> BleuCounts::scores() const {
  // pycocoevalcap's small numbers keep the quotients finite.
  const double ratio = (length + 1e-15) / (reference_length + 1e-9);
  std::array<double, kLongest> scores{};
  double product = 1;
  for (size_t n = 0; n < kLongest; ++n) {
    product *= (correct[n] + 1e-15) / (guesses[n] + 1e-9);
    scores[n] = std::pow(product, 1.0 / static_cast<double>(n + 1)) * (ratio < 1 ? std::exp(1 - 1 / ratio) : 1);
  }
  return scores;
}

std::vector<double> cider(const std::vector<CaptionWords>& captions) {
  Counts images_with;
  for (const auto& caption : captions) {
    check(!caption.references.empty(), "[cider] a caption without references");
    std::set<Words> present;
    for (const auto& reference : caption.references)
      for (const auto& [ngram, count] : count_ngrams(reference)) present.insert(ngram);
    for (const auto& ngram : present) ++images_with[ngram];
  }
  const double log_images = std::log(static_cast<double>(captions.size()));
  std::vector<double> scores;
  for (const auto& caption : captions) {
    const Weighted predicted(caption.predicted, images_with, log_images);
    double of_caption = 0;
    for (const auto& reference : caption.references)
      of_caption += similarity(predicted, Weighted(reference, images_with, log_images));
    scores.push_back(10 * of_caption / static_cast<double>(caption.references.size()));
  }
  return scores;
}

CaptionScores score_captions(const std::vector<CaptionWords>& captions) {
  check(!captions.empty(), "[score_captions] no captions");
  BleuCounts counts;
  for (const auto& caption : captions) counts.add(BleuCounts::of(caption));
  CaptionScores scores{counts.scores(), 0};
  for (const double score : cider(captions)) scores.cider += score / static_cast<double>(captions.size());
  return scores;
}

}  // namespace fourm
