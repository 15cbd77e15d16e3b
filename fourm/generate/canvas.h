// One sample during generation: for each modality its tokens, which of them are known (input of the encoder) and which
// are targets (to be generated). In-painting, chaining and super-resolution are canvases with different entries.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "fourm/data/sample.h"
#include "fourm/text/boxes.h"
#include "fourm/text/sentinel.h"

namespace fourm {

/// Special token ids of sequences.
struct SequenceIds {
  int64_t pad = 0, eos = 3;
  SentinelRange sentinels{4, 200};
  int64_t start() const { return sentinels.first + 1; }  ///< [S_1]
  int64_t stop() const { return sentinels.first + 2; }   ///< [S_2]
};

constexpr int64_t kUnknownToken = -1;  ///< in token files: a token that is to be generated

/// "caption#2" -> "caption": the modality of a condition that has a name of its own.
std::string modality_of_entry(const std::string& name);

struct Canvas {
  struct Entry {
    std::string modality;
    ModalityData data;
    std::vector<bool> known, target;  ///< [L] each
    /// Unique on the canvas. That of the modality, but weighted conditions are numbered: "caption#1", "caption#2".
    std::string name = modality;
    /// The weight of a condition in weighted multimodal guidance; unset: the target's guidance scale.
    std::optional<double> weight{};

    bool has_targets() const { return std::find(target.begin(), target.end(), true) != target.end(); }
    bool is_whole() const { return std::find(known.begin(), known.end(), false) == known.end(); }  ///< all is known
  };
  std::vector<Entry> entries;    ///< in the order of the encoder's input
  uint64_t key = 0;              ///< of the sample's random numbers, which do not depend on its batch
  std::optional<CropView> view;  ///< the crop of the first input image; boxes of the same image are cropped alike

  Entry& at(const std::string& name);                ///< Error when there is none
  const Entry* find(const std::string& name) const;  ///< null when there is none

  // What is added takes the name of its modality. Error when the canvas has an entry of that name.

  /// All of it known: images as patches, grids, T5 vectors.
  void add_known(const std::string& modality, ModalityData data);
  /// Something to generate of n tokens. Tokens of conditions of the same modality that are known are kept.
  void add_target_grid(const std::string& modality, int64_t tokens);
  /// Gives the entry a weight, and with it a name of its own.
  void set_weight(const std::string& name, double weight);
  /// A text is known up to and including its first [EOS]; all of it when it has none.
  void add_text(const std::string& modality, const std::vector<int64_t>& ids, const SequenceIds& special);
  /// A text with holes: each sentinel in `ids` is a span to be generated. `target_slots`: the length of the sequence of targets,
  /// that is of all spans with their sentinels.
  void add_text_with_holes(const std::string& modality, const std::vector<int64_t>& ids, int64_t target_slots,
                           const SequenceIds& special);
  /// A grid without known tokens, or with those whose `known` is set (in-painting). `ids` and `known` have the same length.
  void add_grid(const std::string& modality, int64_t tokens);
  void add_grid(const std::string& modality, std::vector<int64_t> ids, std::vector<bool> known);
  /// An empty text of length n: [S_1] is known, the n - 1 positions after it are targets. n >= 2. That [S_1] is
  /// input of the encoder from the first step on, also while other targets are generated.
  void add_empty_text(const std::string& modality, int64_t n, const SequenceIds& special);

 private:
  void add(Entry entry);
};

}  // namespace fourm
