#include "fourm/train/initial_weights.h"

#include <algorithm>
#include <numeric>

#include "fourm/core/config.h"
#include "fourm/core/log.h"
#include "fourm/core/strings.h"
#include "fourm/io/model_folder.h"
#include "fourm/io/weights.h"
#include "fourm/model/stored_config.h"
#include "fourm/nn/position.h"

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

// The modality of "encoder_embeddings.caption.token_emb.weight": "caption". Empty for other tensors.
std::string modality_of(const std::string& name) {
  const size_t begin = name.find("_embeddings.");
  if (begin == std::string::npos) return "";
  const size_t first = name.find('.') + 1;
  return name.substr(first, name.find('.', first) - first);
}

// "'chair', 'table', ... (12)"
std::string some_of(const std::vector<std::string>& names) {
  constexpr size_t kShown = 8;
  std::vector<std::string> shown;
  for (size_t i = 0; i < std::min(names.size(), kShown); ++i) shown.push_back(printable(names[i]));
  return concat(join(shown, ", "), names.size() > kShown ? ", ..." : "", " (", names.size(), ")");
}

// Which row of the tables of `start` a token of the new vocabulary has there.
class TokenRows {
 public:
  TokenRows(const fs::path& start, const WordPiece* text) {
    const fs::path file = model_folder(start) / "tokenizer.json";
    std::error_code ignored;
    if (!text || !fs::is_regular_file(file, ignored)) return;
    const WordPiece before = WordPiece::load(file);
    std::vector<int64_t> ids(text->size()), former(before.size());
    std::iota(ids.begin(), ids.end(), 0);
    std::iota(former.begin(), former.end(), 0);
    const auto now = text->tokens(ids), then = before.tokens(former);
    if (now == then) return;
    differ_ = true;
    for (const auto& token : now) {
      rows_.push_back(before.id(token).value_or(-1));
      if (rows_.back() < 0) fresh_.push_back(token);
    }
    for (const auto& token : then)
      if (!text->id(token)) left_.push_back(token);
  }

  bool differ() const { return differ_; }
  // Copies the rows of known tokens, [V', D] -> [V, D].
  void copy(const Tensor& from, const Tensor& to) const {
    std::vector<int64_t> sources, places;
    for (size_t id = 0; id < rows_.size() && static_cast<int64_t>(id) < to.size(0); ++id)
      if (rows_[id] >= 0 && rows_[id] < from.size(0)) {
        sources.push_back(rows_[id]);
        places.push_back(static_cast<int64_t>(id));
      }
    to.index_copy_(0, at::tensor(places).to(to.device()),
                   from.index_select(0, at::tensor(sources)).to(to.options().requires_grad(false)));
  }
  std::string text() const {
    return concat(rows_.size() - fresh_.size(), " of ", rows_.size(), " tokens of the text tokenizer are in its own",
                  fresh_.empty() ? "" : "; these start fresh: " + some_of(fresh_),
                  left_.empty() ? "" : "; these of its own are left behind: " + some_of(left_));
  }

 private:
  bool differ_ = false;
  std::vector<int64_t> rows_;  // by id of the new vocabulary; -1: none
  std::vector<std::string> fresh_, left_;
};

// Takes a tensor of another shape or vocabulary; false where it does not fit.
class Fitting {
 public:
  Fitting(const FourM& model, const fs::path& start, const WordPiece* text) : model_(model), rows_(start, text) {}

  bool take(const std::string& name, const Tensor& known, const Tensor& value) {
    const std::string modality = modality_of(name);
    if (modality.empty() || known.dim() != value.dim()) return known.sizes() == value.sizes() && copy(known, value);
    const Modality m = model_.modality(modality);
    if (rows_.differ() && m.kind == ModalityKind::kSequence && value.dim() == 2 && known.size(1) == value.size(1)) {
      rows_.copy(known, value);
      by_token_.add(name);
      return true;
    }
    if (known.sizes() == value.sizes()) return copy(known, value);
    if (!name.ends_with(".pos_emb") || m.is_sequence() || known.size(2) != value.size(2)) return false;
    const int64_t from = grid_side(known.size(1)), to = grid_side(value.size(1));
    if (from == 0 || to == 0) return false;
    resized_.push_back(concat(part_of(name), " (", from, " x ", from, " to ", to, " x ", to, ")"));
    return copy(resized_positions(known, value.size(1)), value);
  }

  void report(const std::string& origin) const {
    if (!resized_.empty()) note(origin, ": learned positions are resized: ", join(resized_, ", "));
    if (!by_token_.empty()) note(origin, ": ", rows_.text(), ". Rows are taken by token: ", by_token_.text());
  }

 private:
  static bool copy(const Tensor& from, const Tensor& to) {
    to.copy_(from);
    return true;
  }

  const FourM& model_;
  TokenRows rows_;
  Parts by_token_;
  std::vector<std::string> resized_;
};

}  // namespace

void take_weights(FourM& model, const fs::path& path, const WordPiece* text) {
  const std::string origin = path.string();
  const ModelConfig& config = model.config();
  const SafetensorsFile start = open_weights(model_folder(path));
  const ModelConfig stored = stored_config(path, start);
  check_same_model(origin, stored, config);
  const NoGradGuard no_grad;
  int64_t taken = 0;
  Parts fresh, refused;
  Fitting fitting(model, path, text);
  for (const auto& [name, value, is_parameter] : model.parameters().entries()) {
    const Tensor known = find_tensor(start, model.parameters(), name);
    // Fixed tables are those of the new size.
    const bool fits = known.defined() && (is_parameter ? fitting.take(name, known, value)
                                                       : known.sizes() == value.sizes() && (value.copy_(known), true));
    taken += fits;
    if (fits || !is_parameter) continue;
    check(!known.defined() || !modality_of(name).empty(), origin, ": ", name, " has the shape ", known.sizes(),
          ", in the recipe's 'model' it is ", value.sizes());
    (known.defined() ? refused : fresh).add(name);
  }
  check(taken > 0, origin, ": none of its tensors (", printable(start.tensors().empty() ? "" : start.tensors()[0].name),
        ", ...) is in the recipe's 'model'");
  note(origin, ": ", taken, " of ", model.parameters().entries().size(), " tensors are taken from it");
  fitting.report(origin);
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
}

FourM model_from(const fs::path& start, const ModelConfig& config, const ModalityTable& table, uint64_t seed,
                 at::Device device, const WordPiece* text) {
  FourM model = create_model(config, table, seed, at::kFloat, device);
  take_weights(model, start, text);
  return model;
}

}  // namespace fourm
