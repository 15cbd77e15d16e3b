// One sample while it is being generated: for each modality its tokens, which of them are known (the encoder sees
// them) and which are asked for. In-painting, chaining and super-resolution are canvases with different entries.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "fourm/data/sample.h"
#include "fourm/text/boxes.h"
#include "fourm/text/sentinel.h"

namespace fourm {

/// The ids that sequences are built with.
struct SequenceIds {
  int64_t pad = 0, eos = 3;
  SentinelRange sentinels{4, 200};
  int64_t start() const { return sentinels.first + 1; }  ///< [S_1]
  int64_t stop() const { return sentinels.first + 2; }   ///< [S_2]
};

struct Canvas {
  struct Entry {
    std::string modality;
    ModalityData data;
    std::vector<bool> known, wanted;  ///< [L] each
  };
  std::vector<Entry> entries;    ///< the encoder sees them in this order
  uint64_t key = 0;              ///< names the sample in random draws, whatever its batch
  std::optional<CropView> view;  ///< what of the first given image is seen; boxes of the same image are cut by it

  Entry& at(const std::string& modality);
  const Entry* find(const std::string& modality) const;

  /// All of it known: images as patches, grids, T5 vectors.
  void add_known(const std::string& modality, ModalityData data);
  /// A text is known up to and including its first [EOS]; all of it when it has none.
  void add_text(const std::string& modality, const std::vector<int64_t>& ids, const SequenceIds& special);
  /// A text with holes: each sentinel in `ids` stands for words to be written.
  void add_text_with_holes(const std::string& modality, const std::vector<int64_t>& ids, int64_t target_slots,
                           const SequenceIds& special);
  /// A grid of which nothing is known, or only the ids whose `known` is set (in-painting).
  void add_grid(const std::string& modality, int64_t tokens);
  void add_grid(const std::string& modality, std::vector<int64_t> ids, std::vector<bool> known);
  /// An empty text of n slots: [S_1] is seen, n - 1 slots from [S_1] to [S_2] are asked for. n >= 2. Note that the
  /// encoder sees that [S_1] from the first step on, whichever target is generated first.
  void add_empty_text(const std::string& modality, int64_t n, const SequenceIds& special);

 private:
  void add(Entry entry);
};

}  // namespace fourm
