// Packed, padding-free batches: the tokens of all samples in one list, sample after sample. Tokens of one modality are
// also kept together in a group, since a group is embedded at once; `order` maps the list to the groups.
//
// Packing validates token ids and positions once. Later stages read them without checks.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "fourm/core/tensor.h"
#include "fourm/data/sample.h"
#include "fourm/kernels/kernels.h"
#include "fourm/modality/modality.h"
#include "fourm/nn/drop_path.h"

namespace fourm {

/// The modality of a name, with the sizes of a model (FourM::modalities). Error on an unknown name.
using ModalityLookup = std::function<Modality(const std::string&)>;

struct EncoderBatch {
  struct Group {
    std::string modality;
    Tensor content;    ///< ids [n], patches [n, p p C] by row, column and channel, or vectors [n, width]
    Tensor positions;  ///< [n] slot on the grid, or running index in the sequence
  };
  std::vector<Group> groups;
  Tensor order;                  ///< [N] row of the list -> row of the concatenated groups
  std::vector<int64_t> lengths;  ///< [B] tokens per sample
  /// Attention within samples. Encoder::prepare() sets it and adds the register tokens to `order` and `lengths`.
  std::optional<AttentionLayout> within;
  std::optional<DropPath> drop_path;  ///< for training
};

struct DecoderBatch {
  struct Group {
    std::string modality;
    Tensor ids;        ///< [n] input tokens of a sequence; undefined for grids, whose input is the mask token
    Tensor positions;  ///< [n]
    Tensor targets;    ///< [n] ids to predict; undefined when there are none
    Tensor rows;       ///< [n] rows of the group in the list of M
  };
  std::vector<Group> groups;
  Tensor order;                           ///< [M] row of the list -> row of the concatenated groups
  std::vector<int64_t> lengths;           ///< [B] target tokens per sample
  AttentionLayout within;                 ///< by sample and modality: full attention in grids, causal in sequences
  std::optional<AttentionLayout> across;  ///< attention to the context; Decoder::prepare() sets it
  std::optional<DropPath> drop_path;      ///< for training
};

/// Consecutive samples [begin, end) of a batch and their rows [first_row, end_row).
struct SampleRange {
  size_t begin, end;
  int64_t first_row, end_row;
};
/// All samples, of `lengths` rows each, in ranges of at least `rows` rows, except the last.
std::vector<SampleRange> sample_ranges(const std::vector<int64_t>& lengths, int64_t rows);

/// Error naming the modality and the id when an id is outside 0..vocab_size - 1.
void check_token_ids(const std::vector<int64_t>& ids, const Modality& modality);

/// Collects the encoder's tokens sample by sample.
class EncoderPacker {
 public:
  explicit EncoderPacker(ModalityLookup modality) : modality_(std::move(modality)) {}
  void begin_sample() { lengths_.push_back(0); }
  /// Error naming the modality and the value on an id outside the vocabulary and on a position beyond the position table.
  void add_ids(const std::string& modality, const std::vector<int64_t>& ids, const std::vector<int64_t>& positions);
  /// values [n, width]
  void add_values(const std::string& modality, const Tensor& values, const std::vector<int64_t>& positions);
  EncoderBatch finish() const;

 private:
  struct Group {
    Modality modality;
    std::vector<int64_t> ids, positions, rows;  // rows: where each token is in the list
    std::vector<Tensor> values;
  };
  void place(Group& group, const std::vector<int64_t>& positions);
  ModalityLookup modality_;
  std::vector<Group> groups_;
  std::vector<int64_t> lengths_;
  int64_t total_ = 0;
};

/// Collects the decoder's slots sample by sample. The checks are those of EncoderPacker, for input and target ids.
class DecoderPacker {
 public:
  /// `causal`, not `separate`: the official decoder options (ModelConfig); training defaults are false, true.
  explicit DecoderPacker(ModalityLookup modality, bool causal = false, bool separate = true)
      : modality_(std::move(modality)), causal_(causal), separate_(separate) {}
  void begin_sample();
  /// Slots of a grid; `targets` may be empty.
  void add_grid(const std::string& modality, const std::vector<int64_t>& positions,
                const std::vector<int64_t>& targets);
  /// Slots of a sequence: input ids[i] at positions[i]; `targets` may be empty.
  void add_sequence(const std::string& modality, const std::vector<int64_t>& ids, const std::vector<int64_t>& positions,
                    const std::vector<int64_t>& targets);
  DecoderBatch finish() const;

 private:
  struct Group {
    Modality modality;
    std::vector<int64_t> ids, positions, targets, rows;
  };
  void place(Group& group, const std::vector<int64_t>& positions, const std::vector<int64_t>& targets, bool sequence);
  ModalityLookup modality_;
  bool causal_, separate_;
  std::vector<Group> groups_;
  std::vector<int64_t> lengths_;
  AttentionLayout within_;
  int64_t total_ = 0;
};

struct Batch {
  EncoderBatch inputs;
  DecoderBatch targets;
};

/// Copies the tensors of prepared batches to the device of the kernels, together (kernels/upload.h). Either may be null.
void to_device(EncoderBatch* inputs, DecoderBatch* targets, const Kernels& kernels);

/// A training batch. Targets with positions are those of grids. A sequence target of n ids has n - 1 slots: the input of
/// slot i is ids[i], its target is ids[i + 1]. Errors as those of the packers.
Batch pack(const std::vector<MaskedSample>& samples, const ModalityLookup& modality, bool causal = false,
           bool separate = true);

}  // namespace fourm
