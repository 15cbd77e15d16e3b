#include "fourm/data/token_set.h"

#include <algorithm>
#include <mutex>
#include <set>

#include "fourm/core/config.h"
#include "fourm/core/error.h"
#include "fourm/core/log.h"
#include "fourm/core/strings.h"
#include "fourm/data/crop.h"
#include "fourm/data/sample_image.h"
#include "fourm/data/token_shards.h"
#include "fourm/modality/modality_name.h"

namespace fourm {

struct TokenSet::Reported {
  std::mutex mutex;
  std::set<std::string> topics;
};

std::string folder_of(const Source& source, const std::string& modality) {
  return source.has(modality) ? modality : name_without_size(modality);
}

static int64_t first_with(const Source& source, const std::string& folder) {
  int64_t first = 0;
  while (!source.has(first, folder)) ++first;
  return first;
}

Modality with_width(const Source& source, Modality modality) {
  if (modality.kind != ModalityKind::kEmbeddings || modality.width > 0) return modality;
  const std::string folder = folder_of(source, modality.name);
  if (!source.has(folder)) return modality;
  const int64_t i = first_with(source, folder);
  modality.width =
      EmbeddingArray(source.read(i, folder), source.extension(i, folder), 0, source.origin(i, folder)).width();
  return modality;
}

void check_vocabulary(const Source& source, const Modality& modality, const WordPiece& text) {
  const std::string folder = folder_of(source, modality.name);
  if (modality.kind != ModalityKind::kSequence || !source.has(folder)) return;
  check(source.extension(first_with(source, folder), folder) == "npy" || text.size() <= modality.vocab_size,
        "the text tokenizer has ", text.size(), " tokens, more than the ", modality.vocab_size, " of ", modality.name);
}

bool has_whole_image_texts(const Source& source) {
  const fs::path root = source.root(), description = root / "dataset.yaml";
  const bool tokenized = fs::exists(token_set_settings(root));
  if (!fs::exists(description)) return tokenized;
  const YAML::Node texts = read_yaml(description)["texts"];
  if (!texts.IsDefined()) return tokenized;
  check(texts.IsScalar() && (texts.Scalar() == "whole_image" || texts.Scalar() == "crops"), description.string(),
        ": texts should be whole_image or crops, or not be there");
  return texts.Scalar() == "whole_image";
}

TokenSet::TokenSet(const std::string& path, const std::vector<Modality>& modalities, const WordPiece& text,
                   const TokenSetOptions& options)
    : source_(Source::open(path)),
      text_(text),
      options_(options),
      bins_(coordinate_bins(text)),
      reported_(std::make_shared<Reported>()) {
  check_finished(source_);
  if (options.fraction < 1) source_.keep_fraction(options.fraction);
  whole_image_texts_ = has_whole_image_texts(source_);
  std::vector<std::string> lacking;
  for (const Modality& modality : modalities) {
    check(modality.kind != ModalityKind::kPixels || modality.channels == 3, modality.name, ": images of ",
          modality.channels, " channels cannot be read, only of 3");
    const std::string folder = folder_of(source_, modality.name);
    if (!source_.has(folder)) {
      lacking.push_back(modality.name);
      continue;
    }
    check_vocabulary(source_, modality, text);
    parts_.push_back({with_width(source_, modality), folder});
  }
  const std::string found = join(source_.modalities(), ", ");
  check(!parts_.empty(), path, ": has none of the modalities ", join(lacking, ", "), "; it has ", found);
  if (!lacking.empty())
    warn(path, ": has no ", join(lacking, ", "), " (it has ", found, "); its samples are used without");
  std::sort(parts_.begin(), parts_.end(),
            [](const Part& a, const Part& b) { return a.modality.name < b.modality.name; });
}

const Modality& TokenSet::modality(const std::string& name) const {
  const auto part = std::find_if(parts_.begin(), parts_.end(), [&](const Part& p) { return p.modality.name == name; });
  check(part != parts_.end(), path(), ": has no ", printable(name));
  return part->modality;
}

std::vector<std::string> TokenSet::modalities() const {
  std::vector<std::string> names;
  for (const Part& part : parts_) names.push_back(part.modality.name);
  return names;
}

bool TokenSet::has_any(int64_t i, const std::vector<std::string>& modalities) const {
  return std::any_of(parts_.begin(), parts_.end(), [&](const Part& part) {
    return source_.has(i, part.folder) && contains(modalities, part.modality.name);
  });
}

std::string crops_unknown(const std::string& modality, int64_t crops) {
  return concat("cannot be cut to the ", crops, " crops of the sample, which has no crop_settings; add crop_settings/",
                "NAME.npy [crops, 5], or train without ", modality);
}

SampleFiles TokenSet::read(int64_t i) const {
  SampleFiles sample;
  auto& [files, crops, views, view] = sample;
  const auto agree = [&](int64_t n, const std::string& where) {
    check(crops == 0 || n == crops, where, ": has ", counted(n, "crop"), ", other files of the sample have ", crops);
    crops = n;
  };
  for (const Part& part : parts_) {
    if (!source_.has(i, part.folder)) continue;
    files.emplace_back(part.modality, source_.read(i, part.folder), source_.extension(i, part.folder),
                       source_.origin(i, part.folder));
    if (files.back().crops() > 0) agree(files.back().crops(), files.back().where());
  }
  const auto unsized =
      std::find_if(files.begin(), files.end(), [](const auto& file) { return file.needs_image_size(); });
  const std::optional<ImageSize> size = unsized != files.end() ? image_size(source_, i) : std::nullopt;
  if (source_.has(i, "crop_settings")) {
    const std::string where = source_.origin(i, "crop_settings");
    views = decode_crop_settings(source_.read(i, "crop_settings"), where, size);
    agree(static_cast<int64_t>(views->size()), where);
    return sample;
  }
  for (const ModalityFile& file : files)
    check(crops < 2 || !file.follows_crop(), file.where(), ": ", crops_unknown(file.modality().name, crops));
  if (unsized == files.end()) return sample;
  const std::string& name = unsized->modality().name;
  if (size)
    view = centre_view(size->width, size->height);
  else if (crops > 0 && first_time(name + " size"))
    warn(
        unsized->where(), ": the size of the image is not known, so ", name,
        " is taken to be of a square image; add \"height\" and \"width\", or crop_settings (other samples of this kind "
        "are not named)");
  return sample;
}

TokenSample TokenSet::draw(const SampleFiles& read, Random random) const {
  const auto& [files, crops, views, default_view] = read;
  ModalityFile::Choice choice;
  if (options_.random_crop) choice.crop = random.below(std::max<int64_t>(crops, 1));
  const uint64_t seed = random.bits64();

  TokenSample sample;
  for (const ModalityFile& file : files) {
    const std::string& name = file.modality().name;
    const bool of_crop = file.is_text() && is_text_of_crop(name);
    if (of_crop && file.variants() != std::max<int64_t>(crops, 1)) {
      if (first_time(name + " crops"))
        warn(file.where(), ": holds ", counted(file.variants(), "text"), " for ",
             counted(std::max<int64_t>(crops, 1), "crop"), "; ", name,
             " needs one for each crop, since its positions are pixels of the crop. It is left out of this "
             "sample (other samples of this kind are not named)");
      continue;
    }
    const bool paired = of_crop || (options_.aligned_captions && crops > 1 && file.variants() == crops);
    choice.number = paired ? std::optional(choice.crop) : std::nullopt;
    choice.mirror = !of_crop && (!paired || whole_image_texts_);
    choice.view = views ? std::optional((*views)[choice.crop]) : file.needs_image_size() ? default_view : std::nullopt;
    if (choice.view && choice.view->flip && file.has_poses()) {
      if (first_time(name + " mirrored"))
        warn(file.where(), ": poses cannot be mirrored, so mirrored crops are used without ", name,
             " (other samples of this kind are not named)");
      continue;
    }
    const bool unpaired = options_.aligned_captions && crops > 1 && file.variants() > 1 && !paired;
    if (unpaired && first_time(name + " pairs"))
      note(file.where(), ": holds ", file.variants(), " variants of ", name, " for ", crops,
           " crops, so any of them goes with any crop; so do those of other samples, unless their numbers agree");
    Random draws(seed, {hash_text(name)});
    sample[name] = file.data(choice, &text_, bins_, draws, [&](const std::string& topic, const std::string& message) {
      if (first_time(name + " " + topic)) warn(message, " (other samples of this kind are not named)");
    });
  }
  return sample;
}

bool TokenSet::first_time(const std::string& topic) const {
  const std::lock_guard lock(reported_->mutex);
  return reported_->topics.insert(topic).second;
}

}  // namespace fourm
