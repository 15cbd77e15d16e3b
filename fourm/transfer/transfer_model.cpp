#include "fourm/transfer/transfer_model.h"

#include <map>

#include "fourm/core/log.h"
#include "fourm/core/strings.h"
#include "fourm/io/model_folder.h"
#include "fourm/io/weights.h"
#include "fourm/modality/imagenet.h"
#include "fourm/model/stored_config.h"
#include "fourm/nn/position.h"
#include "fourm/transfer/plain_vit.h"

namespace fourm {
namespace {

// [3] of byte values.
Tensor channel_values(const float* values, const Tensor& like) {
  return at::tensor(at::ArrayRef<float>(values, 3)).mul_(255).to(like.device());
}

// The tensors that a model starts from, by their names in a 4M.
class StartTensors {
 public:
  explicit StartTensors(const fs::path& start) {
    if (is_plain_vit(start))
      vit_ = PlainVit::open(start).tensors;
    else
      file_ = open_weights(model_folder(start));
  }
  /// Undefined when there is none.
  Tensor find(const std::string& name) const {
    if (!file_) return vit_.contains(name) ? vit_.at(name) : Tensor();
    const StoredTensor* stored = file_->find(name);
    return stored ? view_of(*file_, *stored) : Tensor();
  }

 private:
  std::optional<SafetensorsFile> file_;
  std::map<std::string, Tensor> vit_;
};

}  // namespace

TransferModel::TransferModel(const TransferConfig& config, ModalityTable table, ParameterSource& source, int64_t stored)
    : config_(config.resolved()), table_(std::move(table)), parameters_(std::make_shared<Parameters>()) {
  const Scope root(*parameters_, source), head = root["head"];
  encoder_ = Encoder(root, config_.encoder, table_, /*shared=*/{});
  const int64_t width = config_.encoder.dim, classes = static_cast<int64_t>(config_.classes.size());
  const HeadConfig& h = config_.head;
  if (h.kind == "linear")
    head_ = LinearHead(head, width, classes);
  else if (h.kind == "attentive")
    head_ = AttentiveHead(head, width, config_.encoder.num_heads, classes);
  else if (h.kind == "knn")
    head_ = NeighbourHead(head, width, stored, classes, h);
  else if (h.kind == "convnext")
    head_ = ConvNextHead(head, width, config_.kind() == Task::kDepth ? 1 : classes, h);
  else
    head_ = DetectionHead(head, width, classes, h);
}

TransferModel TransferModel::open(const fs::path& given, const Compute& compute) {
  const fs::path folder = model_folder(given);
  check(is_transfer_model(folder), given.string(),
        ": is not a model with a head; `fourm finetune` makes one (docs/finetuning.md)");
  const TransferConfig config = read_transfer_config(folder / "config.json");
  ModalityTable table = ModalityTable::official();
  if (fs::exists(folder / "modalities.yaml")) table.extend(folder / "modalities.yaml");
  FileSource source(open_weights(folder), compute);
  const StoredTensor* labels = source.file().find("head.labels");
  TransferModel model(config, std::move(table), source, labels ? labels->shape.at(0) : 0);
  source.finish(*model.parameters_);
  return model;
}

TransferModel TransferModel::create(const TransferConfig& config, const ModalityTable& table, uint64_t seed,
                                    const Compute& compute, int64_t stored) {
  config.validate("the model");
  SeedSource source(seed, at::kFloat, compute);
  return TransferModel(config, table, source, stored);
}

void TransferModel::save(const fs::path& folder) const {
  make_folder(folder);
  save_parameters(folder / "model.safetensors", *parameters_);
  write_file(folder / "modalities.yaml", table_.yaml({config_.input}));
  write_transfer_config(folder / "config.json", config_);
}

void TransferModel::take_weights(const fs::path& start, bool with_head) {
  const NoGradGuard no_grad;
  const StartTensors tensors(start);
  int64_t taken = 0;
  std::vector<std::string> fresh;
  for (const auto& [name, value, is_parameter] : parameters_->entries()) {
    const bool of_head = name.starts_with("head.");
    Tensor found = of_head && !with_head ? Tensor() : tensors.find(name);
    // A modality embedding that encoder and decoder share is stored under the decoder's name.
    if (!found.defined() && name.ends_with(".mod_emb"))
      found = tensors.find("decoder_embeddings" + name.substr(name.find('.')));
    Tensor known = found;
    if (known.defined() && known.sizes() != value.sizes() && name.ends_with(".pos_emb"))
      known = is_parameter ? resized_positions(known, value.size(1)) : Tensor();
    if (known.defined() && known.sizes() == value.sizes()) {
      value.copy_(known);
      ++taken;
      continue;
    }
    if (!is_parameter) continue;  // fixed tables are those of the new size
    check(of_head || found.defined(), start.string(), ": lacks ", name, ", which the encoder has");
    if (!of_head)
      fail(start.string(), ": ", name, " has another shape than in the model: ", found.sizes(), " and ", value.sizes());
    fresh.push_back(name);
  }
  note(start.string(), ": ", counted(taken, "tensor"), " taken; ", fresh.size(), " of the head start fresh");
}

Tensor TransferModel::tokens(const Tensor& images, const std::optional<DropPath>& drop) const {
  const Modality modality = config_.encoder.modality(config_.input, table_);
  const int64_t batch = images.size(0), size = images.size(1), patch = modality.patch_size, grid = size / patch;
  check(images.dim() == 4 && images.size(2) == size && images.size(3) == 3 && size == modality.image_size,
        "the model reads images of ", modality.image_size, "x", modality.image_size, ", not ", images.sizes());
  std::optional<NoGradGuard> no_grad;
  if (frozen_) no_grad.emplace();
  const Tensor pixels = images.to(parameters_->kernels().device()).to(at::kFloat);
  const Tensor normal = (pixels - channel_values(kImageNetMean, pixels)) / channel_values(kImageNetDeviation, pixels);
  EncoderBatch packed;
  const Tensor patches = normal.view({batch, grid, patch, grid, patch, 3}).permute({0, 1, 3, 2, 4, 5});
  packed.groups.push_back({config_.input, patches.reshape({batch * grid * grid, 3 * patch * patch}),
                           at::arange(grid * grid, at::kLong).repeat({batch})});
  packed.order = at::arange(batch * grid * grid, at::kLong);
  packed.lengths.assign(batch, grid * grid);
  packed.drop_path = drop;
  const int64_t registers = encoder_.register_tokens();
  const Tensor out = encoder_(packed).out.to(at::kFloat);
  return out.view({batch, registers + grid * grid, -1}).slice(1, registers).reshape({batch, grid, grid, -1});
}

Tensor TransferModel::predict(const Tensor& tokens) const {
  if (const auto* head = std::get_if<ConvNextHead>(&head_)) {
    const Tensor maps = (*head)(tokens, config_.size());
    return config_.kind() == Task::kDepth ? maps * config_.depth_deviation + config_.depth_mean : maps;
  }
  return std::visit(
      [&](const auto& head) -> Tensor {
        if constexpr (requires { head(tokens); }) return head(tokens);
        fail("the head predicts no classes");
      },
      head_);
}

EncoderPart encoder_part(const EncoderConfig& given, ModalityTable table, const std::string& wanted, int64_t size) {
  EncoderPart part{given, wanted, std::move(table)};
  std::vector<std::string> pixels;
  for (const auto& name : given.domains_in)
    if (part.table.at(name, given.image_size, given.patch_size).kind == ModalityKind::kPixels) pixels.push_back(name);
  check(!pixels.empty(), "the encoder reads no pixels; a head needs one that does, such as rgb@224");
  if (wanted.empty()) part.input = pixels[0];
  check(contains(pixels, part.input), "input is ", printable(part.input), ", the encoder reads the pixels of ",
        join(pixels, ", "), did_you_mean(part.input, pixels));
  const Modality modality = part.table.at(part.input, given.image_size, given.patch_size);
  part.config.image_size = size > 0 ? size : modality.image_size;
  part.config.patch_size = modality.patch_size;
  part.config.domains_in = {part.input};
  YAML::Node rows = parse_yaml(part.table.yaml({part.input}), part.input);
  rows["modalities"][part.input]["image_size"] = part.config.image_size;
  rows["modalities"][part.input]["patch_size"] = part.config.patch_size;
  rows["modalities"][part.input].remove("max_tokens");
  part.table.extend(yaml_text(rows), part.input);
  return part;
}

EncoderPart encoder_part(const fs::path& given, const std::string& input, int64_t size) {
  if (is_plain_vit(given)) {
    PlainVit vit = PlainVit::open(given);
    return encoder_part(vit.encoder, std::move(vit.table), input, size);
  }
  const fs::path model = model_folder(given);
  ModalityTable table = ModalityTable::official();
  if (fs::is_directory(model) && fs::exists(model / "modalities.yaml")) table.extend(model / "modalities.yaml");
  const bool has_head = is_transfer_model(model);
  const EncoderConfig config = has_head ? read_transfer_config(model / "config.json").encoder : stored_config(model);
  try {
    return encoder_part(config, std::move(table), input, size);
  } catch (const Error& error) {
    fail(given.string(), ": ", error.what());
  }
}

}  // namespace fourm
