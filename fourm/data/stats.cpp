#include "fourm/data/stats.h"

#include <algorithm>
#include <cmath>
#include <ctime>
#include <set>

#include "fourm/core/error.h"
#include "fourm/core/log.h"
#include "fourm/core/parallel.h"
#include "fourm/core/strings.h"
#include "fourm/data/annotation.h"
#include "fourm/data/file_kind.h"
#include "fourm/data/masking.h"
#include "fourm/data/reader.h"
#include "fourm/data/token_set.h"
#include "fourm/io/npz.h"
#include "fourm/modality/transform.h"

namespace fourm {
namespace {

struct Tally {
  int64_t files = 0, unreadable = 0, texts = 0, boxes = 0, words = 0, least = INT64_MAX, most = 0, pixels = 0,
          unknown = 0;
  uint64_t bytes = 0;
  std::map<std::string, int64_t> sizes, classes;
  std::set<int64_t> tokens, crops, lengths;
};

std::string size_text(int64_t width, int64_t height) { return concat(width, "x", height); }

void count_labels(const Raster<uint8_t>& map, const DataFacts& known, Tally& tally) {
  int64_t counts[256] = {};
  for (const uint8_t label : map.pixels) ++counts[label];
  for (size_t label = 0; label < 256; ++label)
    if (counts[label])
      tally.classes[label < known.classes.size() && !known.classes[label].empty() ? known.classes[label]
                                                                                  : std::to_string(label)] +=
          counts[label];
  tally.pixels += static_cast<int64_t>(map.area());
  ++tally.sizes[size_text(map.width, map.height)];
}

void count_depth(const Raster<float>& metres, Tally& tally) {
  tally.unknown += std::count(metres.pixels.begin(), metres.pixels.end(), 0.0F);
  tally.pixels += static_cast<int64_t>(metres.area());
  ++tally.sizes[size_text(metres.width, metres.height)];
}

void count_texts(const Annotation& annotation, Tally& tally) {
  for (const auto& text : annotation.texts) {
    int64_t words = 0;
    for (const auto& word : split(text, ' ')) words += !word.empty();
    ++tally.texts;
    tally.words += words;
    tally.least = std::min(tally.least, words);
    tally.most = std::max(tally.most, words);
  }
  for (const auto& box : annotation.boxes.value_or(std::vector<LabelledBox>())) {
    ++tally.boxes;
    ++tally.classes[box.class_name];
  }
}

void count_shape(const NpyArray& array, Tally& tally) {
  std::vector<std::string> dims;
  for (const int64_t d : array.shape) dims.push_back(std::to_string(d));
  ++tally.sizes[join(dims, "x")];
}

void count_tokens(const TokenArray& array, Tally& tally) {
  tally.crops.insert(array.crops());
  tally.lengths.insert(array.length());
  for (int64_t c = 0; c < array.crops(); ++c)
    for (const int64_t id : array.ids(c, int64_t{1} << 31)) tally.tokens.insert(id);
}

// Texts and boxes may also be stored as token ids.
bool holds_token_ids(FileKind kind, const std::string& extension) {
  return kind == FileKind::kTokens || ((kind == FileKind::kCaption || kind == FileKind::kBoxes) && extension == "npy");
}

// `unit`: of depth.
void count_file(const std::string& modality, const std::string& extension, const std::string& bytes,
                const DataFacts& known, std::optional<double> unit, Tally& tally) {
  const FileKind kind = file_kind(modality);
  if (holds_token_ids(kind, extension)) return count_tokens(TokenArray(bytes, modality), tally);
  switch (kind) {
    case FileKind::kLabels: return count_labels(decode_labels(bytes, modality), known, tally);
    case FileKind::kDepth: return count_depth(decode_depth(bytes, modality, unit), tally);
    case FileKind::kCaption:
    case FileKind::kBoxes: return count_texts(decode_annotation(bytes, extension, modality), tally);
    default: break;
  }
  if (extension == "npy") {
    count_shape(decode_npy(bytes, modality), tally);
  } else if (extension == "npz") {
    for (const auto& [name, array] : decode_npz(bytes, modality)) count_shape(array, tally);
  } else if (extension == "json") {
    parse_json(bytes, modality);
  } else if (extension != "txt") {
    const Image image = decode_image_rgba(bytes, modality);
    ++tally.sizes[size_text(image.width, image.height)];
  }
}

Json tally_json(const Tally& t, FileKind kind) {
  Json json{{"files", t.files}, {"unreadable", t.unreadable}, {"bytes", t.bytes}};
  if (!t.sizes.empty()) json["sizes"] = t.sizes;
  if (t.unknown) json["unknown"] = double(t.unknown) / double(t.pixels);
  if (kind == FileKind::kBoxes) json["boxes"] = t.boxes;
  if (t.texts) {
    json["texts"] = t.texts;
    json["words"] = {
        {"least", t.least}, {"mean", std::round(100.0 * double(t.words) / double(t.texts)) / 100}, {"most", t.most}};
  }
  std::vector<std::pair<int64_t, std::string>> classes;
  for (const auto& [name, count] : t.classes) classes.emplace_back(-count, name);
  std::sort(classes.begin(), classes.end());
  for (const auto& [count, name] : classes)
    json["classes"][name] = kind == FileKind::kLabels ? Json(double(-count) / double(t.pixels)) : Json(-count);
  if (!t.tokens.empty()) {
    json["crops"] = t.crops;
    json["length"] = t.lengths;
    json["used"] = t.tokens.size();
    json["highest"] = *t.tokens.rbegin();
  }
  return json;
}

// A file as an image to look at, or as text.
PreviewCell look_at(const Source& source, const DepthUnits& units, int64_t i, const std::string& modality) {
  PreviewCell cell{modality, "", {}};
  const std::string bytes = source.read(i, modality), where = source.origin(i, modality);
  const std::string extension = source.extension(i, modality);
  InputConfig config;
  const FileKind kind = file_kind(modality);
  const bool ids = holds_token_ids(kind, extension);
  switch (ids ? FileKind::kTokens : kind) {
    case FileKind::kDepth: config.kind = "depth"; break;
    case FileKind::kLabels: config.kind = "semseg"; break;
    case FileKind::kCaption:
    case FileKind::kBoxes: {
      const Annotation a = decode_annotation(bytes, extension, where);
      std::vector<std::string> words = a.texts;
      for (const auto& box : a.boxes.value_or(std::vector<LabelledBox>())) words.push_back(box.class_name);
      cell.text = join(words, a.boxes ? ", " : " / ");
      return cell;
    }
    default: break;
  }
  if (extension == "npy" && config.kind != "depth") {
    const NpyArray array = decode_npy(bytes, where);
    if (array.dtype == "u1" && array.shape.size() == 4 && array.shape[3] == 3 && array.count() > 0) {
      cell.image = Image(static_cast<int>(array.shape[2]), static_cast<int>(array.shape[1]), 3);
      std::copy_n(array.bytes.begin(), cell.image.pixels.size(), cell.image.pixels.begin());
    }
  } else if (extension == "npz") {
    for (const auto& [name, array] : decode_npz(bytes, where)) cell.text += name + " ";
  } else if (extension == "json" || extension == "txt") {
    cell.text = printable(bytes, 200);
  } else {
    cell.image = display(config, decode_stored_image(config, bytes, where, units.of(source.file(i, modality))));
  }
  return cell;
}

}  // namespace

DataStats data_stats(const std::string& path, int64_t preview, int threads) {
  const Source source = Source::open(path);
  const DataFacts known = DataFacts::read(source);
  const DepthUnits units;
  const auto& modalities = source.modalities();
  std::vector<Tally> tallies(modalities.size());
  parallel_for(
      static_cast<int64_t>(modalities.size()),
      [&](int64_t m) {
        for (int64_t i = 0; i < source.size(); ++i) {
          if (!source.has(i, modalities[m])) continue;
          Tally& tally = tallies[m];
          ++tally.files;
          try {
            const std::string bytes = source.read(i, modalities[m]);
            tally.bytes += bytes.size();
            count_file(modalities[m], source.extension(i, modalities[m]), bytes, known,
                       units.of(source.file(i, modalities[m])), tally);
          } catch (const Error&) {
            ++tally.unreadable;
          }
        }
      },
      threads);
  DataStats stats;
  stats.in_archives = source.in_archives();
  stats.report = {{"samples", source.size()}, {"shards", source.shards().size()}, {"modalities", Json::object()}};
  for (size_t m = 0; m < modalities.size(); ++m)
    stats.report["modalities"][modalities[m]] = tally_json(tallies[m], file_kind(modalities[m]));
  const int64_t shown = std::min(preview, source.size());
  for (int64_t k = 0; k < shown; ++k) {
    const int64_t i = k * source.size() / shown;
    std::vector<PreviewCell> cells;
    for (const auto& modality : modalities) {
      if (!source.has(i, modality)) continue;
      try {
        PreviewCell cell = look_at(source, units, i, modality);
        if (cell.image.area() > 0 || !cell.text.empty()) cells.push_back(std::move(cell));
      } catch (const Error& error) {
        cells.push_back({modality, error.what(), {}});
      }
    }
    stats.preview.emplace_back(source.name(i), std::move(cells));
  }
  return stats;
}

double reading_speed(const std::string& path, const fs::path& text_tokenizer, double seconds) {
  const WordPiece text = WordPiece::load(text_tokenizer);
  const Source source = Source::open(path);
  ModalityTable table;
  table.extend(source.root() / "modalities.yaml");
  for (const char* name : {"caption", "det"})
    table.extend(concat("modalities: {", name, ": {kind: sequence, max_tokens: 256, vocab_size: ", text.size(), "}}"),
                 "the speed test");
  std::vector<Modality> modalities;
  std::vector<std::string> names;
  for (const auto& name : table.names())
    if (source.has(name)) {
      modalities.push_back(table.at(name));
      names.push_back(name);
    }
  std::vector<ReaderSet> sets;
  sets.push_back({TokenSet(path, modalities, text)});
  const TokenReader reader(std::move(sets), 0);
  MaskingConfig masking;
  masking.mixture.resize(1);
  masking.mixture[0].input_others = masking.mixture[0].target_others = 0.5;
  const Masker masker(masking, table, names, names, text.sentinels());
  // Processor time: what other programs take of this machine is left out.
  const auto processor_seconds = [] {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
  };
  const Stopwatch watch;
  const double start = processor_seconds();
  int64_t samples = 0;
  for (; watch.seconds() < seconds; ++samples)
    masker(*reader.sample(samples).sample, Random(0, {3, static_cast<uint64_t>(samples)}));
  return static_cast<double>(samples) / (processor_seconds() - start);
}

}  // namespace fourm
