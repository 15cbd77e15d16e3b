#include "fourm/model/model_file.h"

#include "fourm/io/model_folder.h"
#include "fourm/io/weights.h"
#include "fourm/model/stored_config.h"

namespace fourm {

ModelFiles open_model_files(const fs::path& given, ModalityTable table) {
  const fs::path path = model_folder(given);
  std::error_code ignored;
  if (fs::is_directory(path, ignored) && fs::exists(path / "modalities.yaml")) table.extend(path / "modalities.yaml");
  SafetensorsFile weights = open_weights(path);
  ModelConfig config = stored_config(path, weights);
  return {std::move(weights), std::move(config), std::move(table)};
}

FourM load_model(const ModelFiles& files, const Compute& compute) {
  FileSource source(files.weights, compute);
  FourM model(files.config, files.table, source);
  source.finish(model.parameters());
  return model;
}

FourM load_model(const fs::path& path, ModalityTable table, const Compute& compute) {
  return load_model(open_model_files(path, std::move(table)), compute);
}

EncoderModel load_encoder(const fs::path& path, ModalityTable table, const Compute& compute) {
  ModelFiles files = open_model_files(path, std::move(table));
  FileSource source(files.weights, compute);
  EncoderModel model{std::move(files.config), std::move(files.table), std::make_shared<Parameters>(), {}};
  model.encoder =
      Encoder(Scope(*model.parameters, source), model.config, model.table, model.config.shared_embeddings());
  source.finish(*model.parameters, /*warn_of_unused=*/false);
  return model;
}

void save_model_config(const FourM& model, const fs::path& folder) {
  make_folder(folder);
  write_model_config(folder / "config.json", model.config());
  std::vector<std::string> own;
  const ModalityTable official = ModalityTable::official();
  for (const auto* domains : {&model.config().domains_in, &model.config().domains_out})
    for (const auto& name : *domains)
      if (!official.contains(name) || official.yaml({name}) != model.table().yaml({name})) own.push_back(name);
  if (!own.empty()) write_file(folder / "modalities.yaml", model.table().yaml(own));
}

void save_model(const FourM& model, const fs::path& folder, at::ScalarType dtype) {
  save_model_config(model, folder);
  save_parameters(folder / "model.safetensors", model.parameters(), dtype);
}

}  // namespace fourm
