#include "fourm/modality/modality.h"

#include <algorithm>

#include "fourm/core/config.h"
#include "fourm/core/sha256.h"
#include "fourm/core/strings.h"
#include "fourm/modality/official.h"

namespace fourm {
namespace {

const std::map<std::string, ModalityKind> kKinds{{"pixels", ModalityKind::kPixels},
                                                 {"tokens", ModalityKind::kTokens},
                                                 {"sequence", ModalityKind::kSequence},
                                                 {"embeddings", ModalityKind::kEmbeddings}};
const std::map<std::string, PositionKind> kPositions{
    {"sincos2d", PositionKind::kSinCos2d}, {"sincos1d", PositionKind::kSinCos1d}, {"learned", PositionKind::kLearned}};

template <class T>
T parse_enum(const std::map<std::string, T>& values, const std::string& text, const std::string& where) {
  const auto found = values.find(text);
  if (found != values.end()) return found->second;
  std::vector<std::string> names;
  for (const auto& item : values) names.push_back(item.first);
  fail(where, " is ", printable(text), ", expected one of ", join(names, ", "));
}

template <class T>
std::string enum_text(const std::map<std::string, T>& values, T value) {
  for (const auto& item : values)
    if (item.second == value) return item.first;
  fail("[enum_text] unknown value");
}

// A row as it stands in YAML.
struct Row {
  std::string kind = "tokens", positions;
  int64_t vocab_size = 0, image_size = 0, patch_size = 0, channels = 3, max_tokens = 0, max_length = 0, width = 0;

  template <class Visitor>
  void fields(Visitor& v) {
    v("kind", kind, "pixels, tokens, sequence or embeddings", OneOf{{"pixels", "tokens", "sequence", "embeddings"}});
    v("vocab_size", vocab_size, "number of token ids", Range{0, 1 << 24});
    v("image_size", image_size, "pixels per side of the image behind the grid; 0 = the model's", Range{0, 1 << 14});
    v("patch_size", patch_size, "pixels per side of the patch behind a token; 0 = the model's", Range{0, 1 << 10});
    v("channels", channels, "channels of an image", Range{0, 1 << 12});
    v("max_tokens", max_tokens, "most tokens of a sequence, or of tokens that are no grid over an image",
      Range{0, 1 << 20});
    v("max_length", max_length, "decoder positions from here on become 0; 0 = max_tokens", at_least(0));
    v("width", width, "numbers a vector, for embeddings", Range{0, 1 << 16});
    v("positions", positions, "sincos2d, sincos1d or learned; default by kind",
      OneOf{{"", "sincos2d", "sincos1d", "learned"}});
  }
};

struct Rows {
  std::map<std::string, Row> modalities;
  template <class Visitor>
  void fields(Visitor& v) {
    v("modalities", modalities, "name -> modality");
  }
};

// Tokens in a row, without an image behind them.
bool is_row(const Modality& m) {
  return m.kind == ModalityKind::kTokens && m.max_tokens > 0 && m.image_size == 0 && m.patch_size == 0;
}

Modality from_row(const std::string& name, const Row& row, const std::string& origin) {
  const std::string where = origin + ": modality " + printable(name) + ": ";
  // Results and token folders are files of this name.
  const auto plain = [](unsigned char c) { return c > ' ' && c != '/' && c != 0x7f; };
  check(!name.empty() && name.size() <= 100 && name[0] != '.' && std::all_of(name.begin(), name.end(), plain), where,
        "a name has 1 to 100 characters, no '/' and no space among them, and does not begin with a dot");
  Modality m{name,           parse_enum(kKinds, row.kind, where + "kind"),
             row.vocab_size, row.image_size,
             row.patch_size, row.channels,
             row.max_tokens, row.max_length,
             row.width,      PositionKind::kSinCos2d};
  if (m.is_sequence() || is_row(m)) m.positions = PositionKind::kSinCos1d;
  if (!row.positions.empty()) m.positions = parse_enum(kPositions, row.positions, where + "positions");
  if (m.max_length == 0) m.max_length = m.max_tokens;
  check(!is_row(m) || m.positions != PositionKind::kSinCos2d, where,
        "positions sincos2d need image_size and patch_size in place of max_tokens");
  check(!m.is_sequence() || m.positions != PositionKind::kSinCos2d, where, "positions sincos2d are for a grid, a ",
        row.kind, " has sincos1d or learned");
  const bool has_ids = m.kind == ModalityKind::kTokens || m.kind == ModalityKind::kSequence;
  check(!has_ids || m.vocab_size > 0, where, "vocab_size is missing");
  check(!m.is_sequence() || m.max_tokens > 0, where, "max_tokens is missing");
  check(m.kind != ModalityKind::kEmbeddings || m.width > 0, where, "width is missing");
  return m;
}

}  // namespace

std::vector<FieldDescription> describe_modality_keys() { return describe_fields(Row()); }

int16_t Modality::id() const {
  const std::string digest = sha256_bytes(name);
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(digest[i]); };
  return static_cast<int16_t>((byte(digest.size() - 2) << 8 | byte(digest.size() - 1)) & 0x7FFF);
}

ModalityTable ModalityTable::official() {
  ModalityTable table;
  table.extend(std::string(kOfficialModalities), "the official modality table");
  return table;
}

void ModalityTable::extend(const std::string& yaml, const std::string& origin) {
  Rows rows;
  read_config(parse_yaml(yaml, origin), rows, origin);
  for (const auto& [name, row] : rows.modalities) rows_[name] = from_row(name, row, origin);
}

void ModalityTable::extend(const fs::path& path) { extend(read_file(path, 1 << 20), path.string()); }

Modality ModalityTable::at(const std::string& name, int64_t model_image_size, int64_t model_patch_size) const {
  const auto found = rows_.find(name);
  check(found != rows_.end(), "unknown modality ", printable(name), did_you_mean(name, names()),
        "; a YAML file can define it (docs/modalities.md)");
  Modality m = found->second;
  if (m.is_sequence() || is_row(m)) return m;
  if (m.image_size == 0) m.image_size = model_image_size;
  if (m.patch_size == 0) m.patch_size = model_patch_size;
  check(m.patch_size > 0 && m.image_size >= m.patch_size, "modality '", name, "': an image of ", m.image_size,
        " pixels holds no patch of ", m.patch_size);
  const int64_t tokens = m.grid() * m.grid();
  check(m.max_tokens == 0 || m.max_tokens == tokens, "modality '", name, "': max_tokens is ", m.max_tokens,
        ", but an image of ", m.image_size, " pixels has ", tokens, " patches of ", m.patch_size,
        "; leave out max_tokens, or image_size and patch_size if the tokens are no grid");
  m.max_tokens = tokens;
  return m;
}

std::vector<std::string> ModalityTable::names() const {
  std::vector<std::string> names;
  for (const auto& row : rows_) names.push_back(row.first);
  return names;
}

std::string ModalityTable::yaml(const std::vector<std::string>& names) const {
  Rows rows;
  for (const auto& name : names) {
    const Modality& m = rows_.at(name);
    rows.modalities[name] = {enum_text(kKinds, m.kind),
                             enum_text(kPositions, m.positions),
                             m.vocab_size,
                             m.image_size,
                             m.patch_size,
                             m.channels,
                             m.max_tokens,
                             m.max_length,
                             m.width};
  }
  return yaml_text(to_yaml(rows));
}

}  // namespace fourm
