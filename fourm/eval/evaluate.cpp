#include "fourm/eval/evaluate.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>

#include "fourm/core/error.h"
#include "fourm/core/log.h"
#include "fourm/core/strings.h"
#include "fourm/eval/measures.h"

namespace fourm {
namespace {

// What is known and asked of one subject: truth and answers as stored pictures, one a sample.
struct Answers {
  std::string modality;
  InputConfig kind;
  std::vector<StoredPicture> truth, model, ceiling;
};

Raster<float> metres(const InputConfig& kind, const StoredPicture& picture) {
  const auto& stored = std::get<Raster<uint16_t>>(picture);
  Raster<float> out(stored.width, stored.height, 1);
  for (size_t i = 0; i < out.pixels.size(); ++i)
    out.pixels[i] = static_cast<float>(stored.pixels[i] * kind.depth_unit);
  return out;
}

Json measure(const std::string& name, const std::string& unit, bool higher, Summary model, double ceiling,
             double baseline) {
  const double way = ceiling - baseline;
  return {{"measure", name},
          {"unit", unit},
          {"better", higher ? "higher" : "lower"},
          {"model", model.mean},
          {"interval", model.half_width},
          {"samples", model.count},
          {"ceiling", ceiling},
          {"baseline", baseline},
          {"closed", way != 0 ? (model.mean - baseline) / way : 0}};
}

template <class Score>
std::vector<double> scores(const std::vector<StoredPicture>& predicted, const std::vector<StoredPicture>& truth,
                           const Score& score) {
  std::vector<double> values;
  for (size_t i = 0; i < truth.size(); ++i) values.push_back(score(predicted[i], truth[i]));
  return values;
}

Json depth_measures(const Answers& a) {
  Raster<float> mean = metres(a.kind, a.truth[0]);
  std::fill(mean.pixels.begin(), mean.pixels.end(), 0.0f);
  for (const auto& t : a.truth) {
    const auto depth = metres(a.kind, t);
    for (size_t i = 0; i < mean.pixels.size(); ++i) mean.pixels[i] += depth.pixels[i] / static_cast<float>(a.truth.size());
  }
  Json list = Json::array();
  for (const bool delta : {false, true}) {
    const auto value = [&](const DepthErrors& e) { return delta ? e.delta1 : e.abs_rel; };
    const auto of = [&](const StoredPicture& p, const StoredPicture& t) {
      return value(depth_errors(metres(a.kind, p), metres(a.kind, t)));
    };
    const auto blind = [&](const StoredPicture&, const StoredPicture& t) {
      return value(depth_errors(mean, metres(a.kind, t)));
    };
    list.push_back(measure(delta ? "depth delta1" : "depth AbsRel", "", delta, summarise(scores(a.model, a.truth, of)),
                           summarise(scores(a.ceiling, a.truth, of)).mean,
                           summarise(scores(a.truth, a.truth, blind)).mean));
  }
  return list;
}

Json normal_measures(const Answers& a) {
  const auto image = [](const StoredPicture& p) -> const Image& { return std::get<Image>(p); };
  Image mean = image(a.truth[0]);
  for (size_t i = 0; i < mean.pixels.size(); ++i) {
    double sum = 0;
    for (const auto& t : a.truth) sum += image(t).pixels[i];
    mean.pixels[i] = static_cast<uint8_t>(std::lround(sum / static_cast<double>(a.truth.size())));
  }
  const auto of = [&](const StoredPicture& p, const StoredPicture& t) { return mean_angle(image(p), image(t)); };
  const auto blind = [&](const StoredPicture&, const StoredPicture& t) { return mean_angle(mean, image(t)); };
  return Json::array({measure("normals mean angle", "degrees", false, summarise(scores(a.model, a.truth, of)),
                              summarise(scores(a.ceiling, a.truth, of)).mean,
                              summarise(scores(a.truth, a.truth, blind)).mean)});
}

constexpr int64_t kClasses = 256;

double mean_iou(const std::vector<StoredPicture>& predicted, const std::vector<StoredPicture>& truth,
                const std::vector<size_t>& chosen) {
  Confusion confusion(kClasses);
  for (const size_t i : chosen) confusion.add(std::get<Image>(predicted[i]), std::get<Image>(truth[i]));
  return confusion.mean_iou();
}

Json label_measures(const Answers& a, uint64_t seed) {
  const auto labels = [](const StoredPicture& p) -> const Raster<uint8_t>& { return std::get<Image>(p); };
  Image frequent = labels(a.truth[0]);
  for (size_t i = 0; i < frequent.pixels.size(); ++i) {
    std::vector<int> counts(kClasses);
    for (const auto& t : a.truth) ++counts[labels(t).pixels[i]];
    frequent.pixels[i] = static_cast<uint8_t>(std::max_element(counts.begin(), counts.end()) - counts.begin());
  }
  std::vector<size_t> all(a.truth.size());
  for (size_t i = 0; i < all.size(); ++i) all[i] = i;
  // The measure is of the whole set: its interval comes from drawing the samples again, with replacement.
  Summary model{mean_iou(a.model, a.truth, all), 0, static_cast<int64_t>(all.size())};
  std::vector<double> redrawn;
  for (uint64_t round = 0; round < 100; ++round) {
    Random random(seed, {hash_text("bootstrap"), round});
    std::vector<size_t> chosen;
    for (size_t i = 0; i < all.size(); ++i) chosen.push_back(static_cast<size_t>(random.below(static_cast<int64_t>(all.size()))));
    redrawn.push_back(mean_iou(a.model, a.truth, chosen));
  }
  std::sort(redrawn.begin(), redrawn.end());
  model.half_width = (redrawn[97] - redrawn[2]) / 2;
  return Json::array({measure("semantic mIoU", "", true, model, mean_iou(a.ceiling, a.truth, all),
                              mean_iou(std::vector<StoredPicture>(a.truth.size(), frequent), a.truth, all))});
}

bool names(const std::string& caption, const std::string& thing) {
  return (" " + caption + " ").find(" " + thing + " ") != std::string::npos ||
         (" " + caption + ",").find(" " + thing + ",") != std::string::npos;
}

Json caption_measures(const std::vector<std::string>& captions, const std::vector<std::string>& largest) {
  std::map<std::string, int> counts;
  std::vector<double> named;
  for (size_t i = 0; i < largest.size(); ++i) {
    ++counts[largest[i]];
    named.push_back(names(captions[i], largest[i]));
  }
  int most = 0;
  for (const auto& item : counts) most = std::max(most, item.second);
  return Json::array({measure("caption names the largest object", "", true, summarise(named), 1,
                              static_cast<double>(most) / static_cast<double>(largest.size()))});
}

}  // namespace

Json evaluate(const Pipeline& pipeline, const EvaluateOptions& options) {
  std::string picture, caption;
  for (const auto& name : pipeline.reads())
    if (pipeline.modality(name).kind == ModalityKind::kPixels) picture = name;
  check(!picture.empty(), "the model reads no pixels; evaluation starts from pictures");
  std::vector<Answers> subjects;
  for (const auto& name : pipeline.writes()) {
    const std::string subject = subject_of(name);
    if (subject == "caption") caption = name;
    if (pipeline.has_tokenizer(name) && (subject == "depth" || subject == "normal" || subject == "semseg"))
      subjects.push_back({name, pipeline.picture_kind(name), {}, {}, {}});
  }
  auto files = list_files(options.data / "rgb", {".png", ".jpg", ".jpeg", ".webp"});
  if (static_cast<int64_t>(files.size()) > options.count) files.resize(static_cast<size_t>(options.count));
  check(files.size() >= 2, (options.data / "rgb").string(), ": holds fewer than two pictures");

  std::vector<std::string> captions, largest;
  Progress progress("eval", static_cast<int64_t>(files.size()));
  for (size_t begin = 0; begin < files.size(); begin += static_cast<size_t>(options.batch)) {
    const size_t end = std::min(files.size(), begin + static_cast<size_t>(options.batch));
    std::vector<Canvas> seen;
    for (size_t i = begin; i < end; ++i) {
      seen.emplace_back();
      seen.back().key = i;
      pipeline.give_picture(seen.back(), picture, read_image(files[i]));
    }
    const auto answer = [&](const std::string& modality) {
      std::vector<Canvas> canvases = seen;
      Target target = default_target(pipeline.modality(modality), true);
      target.temperature = 0;
      target.guidance = 1;
      Plan plan;
      plan.targets = {target};
      pipeline.run(canvases, plan, {options.seed, false, {}});
      return canvases;
    };
    for (auto& subject : subjects) {
      const auto answered = answer(subject.modality);
      const auto size = static_cast<int>(pipeline.modality(subject.modality).image_size);
      for (size_t i = begin; i < end; ++i) {
        const fs::path file = options.data / subject_of(subject.modality) / files[i].stem().concat(".png");
        subject.truth.push_back(centre_square(subject.kind, read_picture(subject.kind, file), size));
        subject.model.push_back(pipeline.picture(answered[i - begin], subject.modality));
        Canvas whole;
        pipeline.give_picture(whole, subject.modality, subject.truth.back());
        subject.ceiling.push_back(pipeline.picture(whole, subject.modality));
      }
    }
    if (!caption.empty() && fs::exists(options.data / "scene")) {
      const auto answered = answer(caption);
      for (size_t i = begin; i < end; ++i) {
        const fs::path file = options.data / "scene" / files[i].stem().concat(".json");
        captions.push_back(pipeline.text(answered[i - begin], caption));
        largest.push_back(json_get<std::string>(read_json(file), "largest", file.string()));
      }
    }
    progress.update(static_cast<int64_t>(end));
  }

  Json report = {{"data", options.data.string()}, {"samples", files.size()}, {"input", picture}, {"measures", Json::array()}};
  for (const auto& subject : subjects) {
    const Json part = subject.kind.kind == "depth"    ? depth_measures(subject)
                      : subject.kind.kind == "normal" ? normal_measures(subject)
                                                      : label_measures(subject, options.seed);
    for (const auto& item : part) report["measures"].push_back(item);
  }
  if (!captions.empty()) report["measures"].push_back(caption_measures(captions, largest)[0]);
  return report;
}

std::string evaluation_table(const Json& report) {
  std::ostringstream out;
  out << report["input"].get<std::string>() << " -> everything, " << report["samples"] << " samples of "
      << report["data"].get<std::string>() << "\n";
  char line[256];
  std::snprintf(line, sizeof line, "%-34s %18s %10s %10s %8s\n", "measure", "model (95 %)", "ceiling", "baseline", "closed");
  out << line;
  for (const auto& m : report["measures"]) {
    const std::string name = m["measure"].get<std::string>() + (m["better"] == "higher" ? " (higher)" : " (lower)");
    std::snprintf(line, sizeof line, "%-42s %.3f +- %.3f %10.3f %10.3f %6.0f %%\n", name.c_str(),
                  m["model"].get<double>(), m["interval"].get<double>(), m["ceiling"].get<double>(),
                  m["baseline"].get<double>(), 100 * m["closed"].get<double>());
    out << line;
  }
  return out.str();
}

}  // namespace fourm
