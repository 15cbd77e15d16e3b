// Packed, padding-free batches: the tokens of all samples in one list, sample after sample. Tokens of one modality are
// also kept together in a group, since a group is embedded at once; `order` leads from the groups to the list.
#pragma once

#include <string>
#include <vector>

#include "fourm/core/tensor.h"
#include "fourm/data/sample.h"
#include "fourm/nn/attention.h"

namespace fourm {

struct EncoderBatch {
  struct Group {
    std::string modality;
    Tensor content;    ///< ids [n], patches [n, 3 p p] or vectors [n, width]
    Tensor positions;  ///< [n] slot on the grid, or running index in the sequence
  };
  std::vector<Group> groups;
  Tensor order;                  ///< [N] row of the list -> row of the groups laid end to end
  std::vector<int64_t> lengths;  ///< [B] tokens a sample
};

struct DecoderBatch {
  struct Group {
    std::string modality;
    Tensor ids;        ///< [n] what a sequence reads at each slot; undefined for grids, which read the mask token
    Tensor positions;  ///< [n]
    Tensor targets;    ///< [n] ids to predict; undefined when there are none
    Tensor rows;       ///< [n] where the group's rows stand in the list
  };
  std::vector<Group> groups;
  Tensor order;
  std::vector<int64_t> lengths;
  AttentionLayout within;  ///< by sample and modality: a grid sees all of itself, a sequence is causal
};

/// Collects the encoder's tokens sample by sample.
class EncoderPacker {
 public:
  void begin_sample() { lengths_.push_back(0); }
  void add_ids(const std::string& modality, const std::vector<int64_t>& ids, const std::vector<int64_t>& positions);
  /// values [n, width]
  void add_values(const std::string& modality, const Tensor& values, const std::vector<int64_t>& positions);
  EncoderBatch finish() const;

 private:
  struct Group {
    std::string modality;
    std::vector<int64_t> ids, positions, rows;  // rows: where each token stands in the list
    std::vector<Tensor> values;
  };
  Group& group(const std::string& modality);
  void place(Group& group, const std::vector<int64_t>& positions);
  std::vector<Group> groups_;
  std::vector<int64_t> lengths_;
  int64_t total_ = 0;
};

/// Collects the decoder's slots sample by sample.
class DecoderPacker {
 public:
  /// `causal`, not `separate`: the official decoder options (ModelConfig); training defaults are false, true.
  explicit DecoderPacker(bool causal = false, bool separate = true) : causal_(causal), separate_(separate) {}
  void begin_sample();
  /// Slots of a grid; `targets` may be empty.
  void add_grid(const std::string& modality, const std::vector<int64_t>& positions,
                const std::vector<int64_t>& targets);
  /// Slots of a sequence: reads ids[i] at positions[i]; `targets` may be empty.
  void add_sequence(const std::string& modality, const std::vector<int64_t>& ids, const std::vector<int64_t>& positions,
                    const std::vector<int64_t>& targets);
  DecoderBatch finish() const;

 private:
  struct Group {
    std::string modality;
    std::vector<int64_t> ids, positions, targets, rows;
  };
  Group& group(const std::string& modality);
  void place(Group& group, int64_t n, bool sequence);
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

/// A training batch. Targets with positions are those of grids; a sequence target of n ids gives n - 1 slots: ids[i] is
/// read, ids[i + 1] predicted.
Batch pack(const std::vector<MaskedSample>& samples, bool causal = false, bool separate = true);

}  // namespace fourm
