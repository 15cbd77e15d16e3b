#include "fourm/tokenizer/training_arguments.h"

#include "fourm/core/error.h"

namespace fourm {
namespace {

// Config key -> argument, where they differ. Sizes follow below.
const std::map<std::string, std::string> kArgumentNames{
    {"quant_type", "quantizer_type"},     {"enc_type", "encoder_type"},         {"dec_type", "decoder_type"},
    {"image_size_enc", "input_size_enc"}, {"image_size_dec", "input_size_dec"}, {"ema_decay", "quantizer_ema_decay"}};

bool given(const std::map<std::string, std::string>& arguments, const std::string& key) {
  const auto found = arguments.find(key);
  return found != arguments.end() && found->second != "None" && found->second != "0";
}

}  // namespace

bool has_training_arguments(const SafetensorsFile& file) { return file.metadata().contains("encoder_type"); }

std::map<std::string, std::string> constructor_arguments(const SafetensorsFile& file) {
  const auto& arguments = file.metadata();
  const std::string where = file.path().string();
  auto config = arguments;
  for (const auto& [key, argument] : kArgumentNames)
    if (const auto found = arguments.find(argument); found != arguments.end()) config[key] = found->second;
  for (const char* argument : {"input_size_max", "input_size"})
    if (given(arguments, argument)) config["image_size"] = arguments.at(argument);
  const std::string domain = arguments.contains("domain") ? arguments.at("domain") : "";
  if (domain.find("sam") != std::string::npos && given(arguments, "mask_size"))
    for (const char* key : {"image_size", "image_size_enc", "image_size_dec"}) config[key] = arguments.at("mask_size");
  for (const char* features : {"CLIP", "DINO", "ImageBind"})
    if (domain.find(features) != std::string::npos) config["patch_proj"] = "False";

  const auto extent = [&](const char* tensor, size_t dimension) {
    const StoredTensor* stored = file.find(tensor);
    check(stored && stored->shape.size() > dimension, where, ": tensor ", tensor,
          " is missing or has too few dimensions; is this a tokenizer?");
    return std::to_string(stored->shape[dimension]);
  };
  if (file.find("cls_emb.weight")) {
    config["n_labels"] = extent("cls_emb.weight", 0);
    config["n_channels"] = extent("cls_emb.weight", 1);
  } else {
    config["n_channels"] =
        extent(file.find("encoder.linear_in.weight") ? "encoder.linear_in.weight" : "encoder.proj.weight", 1);
  }
  return config;
}

}  // namespace fourm
