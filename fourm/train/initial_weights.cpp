#include "fourm/train/initial_weights.h"

#include <algorithm>

#include "fourm/core/config.h"
#include "fourm/core/log.h"
#include "fourm/core/strings.h"
#include "fourm/io/model_folder.h"
#include "fourm/io/weights.h"
#include "fourm/model/stored_config.h"

namespace fourm {
namespace {

// Where two models may differ and still share tensors.
const std::vector<std::string> kMayDiffer{"domains_in", "domains_out",         "image_size",
                                          "patch_size", "num_register_tokens", "share_modality_embeddings"};

void check_same_model(const std::string& start, const ModelConfig& found, const ModelConfig& expected) {
  const YAML::Node have = to_yaml(found), want = to_yaml(expected);
  std::vector<std::string> differences;
  for (const auto& item : want) {
    const auto key = item.first.as<std::string>();
    if (!contains(kMayDiffer, key) && yaml_text(have[key]) != yaml_text(item.second))
      differences.push_back(concat(key, " ", have[key].Scalar(), " (recipe: ", item.second.Scalar(), ")"));
  }
  check(differences.empty(), start, ": is not the model of the recipe: ", join(differences, ", "),
        "; give 'model' the values of its config.json, or another 'init'");
}

// The part of the model that a tensor belongs to: "encoder_embeddings.caption", "encoder.0", "mask_token".
std::string part_of(const std::string& name) {
  const size_t first = name.find('.');
  return first == std::string::npos ? name : name.substr(0, name.find('.', first + 1));
}

// Parts of the model with the number of their tensors.
class Parts {
 public:
  void add(const std::string& tensor) { ++counts_[part_of(tensor)]; }
  bool empty() const { return counts_.empty(); }
  std::string text() const {
    std::vector<std::string> parts;
    for (const auto& [part, count] : counts_) parts.push_back(concat(part, " (", count, ")"));
    return join(parts, ", ");
  }

 private:
  std::map<std::string, int64_t> counts_;
};

// The tensor of `start` under `name` or under a name that the new model shares with it; undefined when there is none.
Tensor find_tensor(const SafetensorsFile& start, const Parameters& model, const std::string& name) {
  const StoredTensor* found = start.find(name);
  for (const auto& [other, kept] : model.aliases())
    if (!found && kept == name) found = start.find(other);
  return found ? view_of(start, *found) : Tensor();
}

}  // namespace

FourM model_from(const fs::path& path, const ModelConfig& config, const ModalityTable& table, uint64_t seed,
                 at::Device device) {
  const std::string origin = path.string();
  FourM model = create_model(config, table, seed, at::kFloat, device);
  const SafetensorsFile start = open_weights(model_folder(path));
  const ModelConfig stored = stored_config(path, start);
  check_same_model(origin, stored, config);
  const NoGradGuard no_grad;
  int64_t taken = 0;
  Parts fresh, refused;
  for (const auto& [name, value, trained] : model.parameters().entries()) {
    const Tensor known = find_tensor(start, model.parameters(), name);
    const bool fits = known.defined() && known.sizes() == value.sizes();
    if (fits) value.copy_(known);
    taken += fits;
    if (fits || !trained) continue;  // fixed tables are those of the new size
    check(!known.defined() || name.find("_embeddings.") != std::string::npos, origin, ": ", name, " has the shape ",
          known.sizes(), ", in the recipe's 'model' it is ", value.sizes());
    (known.defined() ? refused : fresh).add(name);
  }
  check(taken > 0, origin, ": none of its tensors (", printable(start.tensors().empty() ? "" : start.tensors()[0].name),
        ", ...) is in the recipe's 'model'");
  note(origin, ": ", taken, " of ", model.parameters().entries().size(), " tensors are taken from it");
  if (!fresh.empty()) note(origin, ": lacks tensors, which start fresh: ", fresh.text());
  if (!refused.empty())
    warn(origin,
         ": tensors of another shape than in the recipe's 'model' are not taken, and start fresh: ", refused.text());
  std::vector<std::string> left;
  for (const auto* domains : {&stored.domains_in, &stored.domains_out})
    for (const auto& name : *domains)
      if (!contains(config.domains_in, name) && !contains(config.domains_out, name) && !contains(left, name))
        left.push_back(name);
  if (!left.empty()) note(origin, ": modalities that the recipe's 'model' leaves out: ", join(left, ", "));
  return model;
}

}  // namespace fourm
