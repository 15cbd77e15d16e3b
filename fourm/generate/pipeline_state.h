// What a Pipeline holds: model, tokenizers and default settings. For the sources of Pipeline alone.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fourm/core/error.h"
#include "fourm/core/strings.h"
#include "fourm/generate/defaults.h"
#include "fourm/generate/generator.h"
#include "fourm/generate/pipeline.h"
#include "fourm/tokenizer/image_tokenizer.h"

namespace fourm {

struct Pipeline::State {
  ComputeConfig compute;
  FourM model;
  std::vector<FourM> replicas;  // on further devices
  std::shared_ptr<const DraftModel> draft;
  std::map<std::string, ImageTokenizer> tokenizers{};   // by modality
  std::map<std::string, fs::path> tokenizer_folders{};  // that they were opened from
  std::optional<WordPiece> text_tokenizer{};
  SequenceIds sequence_ids{};
  GenerationDefaults defaults{};
  fs::path defaults_file{};  // that they were read from; empty: the preset
  fs::path weights{};        // model folder or file

  // On all devices.
  bool generate(const std::vector<Step>& steps, std::vector<Canvas>& canvases, const GenerateOptions& options) const {
    std::vector<const FourM*> models{&model};
    for (const FourM& replica : replicas) models.push_back(&replica);
    return fourm::generate(models, steps, canvases, options);
  }

  const ImageTokenizer& tokenizer(const std::string& modality) const {
    const auto found = tokenizers.find(modality);
    check(found != tokenizers.end(), "there is no tokenizer for ", printable(modality),
          "; name a folder of tokenizers that holds one, or use .npy tokens");
    return found->second;
  }
};

}  // namespace fourm
