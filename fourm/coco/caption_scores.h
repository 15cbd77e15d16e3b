// Measures of captions against references, equal to pycocoevalcap's.
#pragma once

#include <array>
#include <string>
#include <vector>

namespace fourm {

/// The words of a predicted caption and of one or more true ones.
struct CaptionWords {
  std::vector<std::string> predicted;
  std::vector<std::vector<std::string>> references;
};

/// What BLEU (Papineni et al. 2002) counts in a caption, or in the captions of a set together.
struct BleuCounts {
  std::array<double, 4> correct{}, guesses{};  ///< n-grams of 1 to 4 words
  double length = 0, reference_length = 0;     ///< in words; of the references the one that is closest

  static BleuCounts of(const CaptionWords& caption);
  void add(const BleuCounts& other);
  std::array<double, 4> scores() const;  ///< BLEU-1 to BLEU-4
};

/// CIDEr-D of each caption (Vedantam et al. 2015): n-grams up to 4, deviation 6 of the length penalty, times 10. How rare a word
/// is goes by the whole set, of which a caption's mean is the CIDEr; in a set of one caption no word is rare and it is 0.
std::vector<double> cider(const std::vector<CaptionWords>& captions);

struct CaptionScores {
  std::array<double, 4> bleu{};
  double cider = 0;
};
CaptionScores score_captions(const std::vector<CaptionWords>& captions);

}  // namespace fourm
