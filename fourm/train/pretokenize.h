// A folder of aligned files into a folder of tokens (data/token_set.h), once, before training (paper section 2.1).
#pragma once

#include "fourm/core/file.h"

namespace fourm {

struct PretokenizeOptions {
  fs::path data;        ///< rgb/NAME.png, depth/NAME.png, ..., caption/NAME.json or .txt, det/NAME.json
  fs::path tokenizers;  ///< a tokenizer folder for each token modality, named after it: tok_depth@128
  fs::path out;
  int64_t batch = 64;  ///< pictures encoded at once
};

/// Encodes what the tokenizers read, packs the pixels of rgb/ at their sizes, gathers captions and boxes. Files are
/// paired by name: one that lacks its partner is an Error. Modalities that are there already, made by the same
/// tokenizer from the same names, are kept, so that the same command goes on where it stopped.
void pretokenize(const PretokenizeOptions& options);

}  // namespace fourm
