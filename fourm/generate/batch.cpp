#include "fourm/generate/batch.h"

#include <algorithm>
#include <fstream>

#include "fourm/core/error.h"
#include "fourm/core/log.h"
#include "fourm/core/strings.h"
#include "fourm/generate/input_value.h"
#include "fourm/generate/keep_region.h"
#include "fourm/generate/result_files.h"
#include "fourm/io/image_file.h"
#include "fourm/io/image_resize.h"

namespace fourm {
namespace {

std::string first_line(const std::string& message) { return message.substr(0, message.find('\n')); }

// The finished samples, kept on disk: a line of JSON each, behind a line with the settings.
class Journal {
 public:
  Journal(fs::path file, const fs::path& manifest, const Json& settings, bool overwrite)
      : file_(std::move(file)), settings_(settings) {
    std::error_code ignored;
    if (overwrite) {
      fs::remove(file_, ignored);
      fs::remove(manifest, ignored);
    }
    if (fs::exists(manifest, ignored)) {
      const Json json = read_json(manifest);
      check_settings(json_get<Json>(json, "settings", manifest.string()), settings, manifest);
      for (const Json& sample : json_get<Json>(json, "samples", manifest.string())) add(sample);
    } else if (fs::exists(file_, ignored)) {
      read(settings);
    }
  }

  const Json* find(const std::string& sample) const {
    const auto found = samples_.find(sample);
    return found == samples_.end() ? nullptr : &found->second;
  }
  // The file is made with the first sample, and without the line that an interruption may have cut.
  void append(const Json& sample) {
    std::string text;
    if (!is_open_) {
      text = json_text(settings_) + "\n";
      for (const auto& [name, done] : samples_) text += json_text(done) + "\n";
    }
    write(text + json_text(sample) + "\n", is_open_ ? std::ios::app : std::ios::trunc);
    is_open_ = true;
    add(sample);
  }
  void remove() const {
    std::error_code ignored;
    fs::remove(file_, ignored);
  }

 private:
  // A failed sample is tried again.
  void add(const Json& sample) {
    if (!sample.contains("failure")) samples_[json_get<std::string>(sample, "name", file_.string())] = sample;
  }

  static void check_settings(const Json& found, const Json& expected, const fs::path& file) {
    check(found == expected, file.string(),
          ": the folder holds results of other settings; give another --out, or --overwrite to replace them");
  }

  // The last line may be cut by an interruption.
  void read(const Json& settings) {
    std::vector<std::string> lines = split(read_file(file_), '\n');
    lines.pop_back();
    if (lines.empty()) return;
    check_settings(parse_json(lines[0], file_.string()), settings, file_);
    for (size_t i = 1; i < lines.size(); ++i) add(parse_json(lines[i], file_.string()));
  }

  void write(const std::string& text, std::ios::openmode mode) {
    std::ofstream out(file_, std::ios::binary | mode);
    out << text << std::flush;
    check(out.good(), file_.string(), ": cannot be written; is the disk full?");
  }

  fs::path file_;
  Json settings_;
  std::map<std::string, Json> samples_{};
  bool is_open_ = false;
};

class Run {
 public:
  Run(const Pipeline& pipeline, const SampleList& samples, const GenerationSettings& settings,
      const BatchOptions& options)
      : pipeline_(pipeline),
        samples_(samples),
        settings_(settings),
        options_(options),
        files_(pipeline, options.out, modalities(), options.variations),
        units_(options.units ? *options.units : own_units_) {}

  BatchReport operator()() {
    make_folder(options_.out);
    const std::string part = options_.workers > 1 ? concat("-", options_.worker, "-of-", options_.workers) : "";
    const fs::path manifest = options_.out / concat("manifest", part, ".json");
    Journal journal(options_.out / concat(".manifest", part, ".jsonl"), manifest, described(), options_.overwrite);
    batches_ = (samples_.size() + options_.batch - 1) / options_.batch;
    for (int64_t b = options_.worker; b < batches_ && report_.finished; b += options_.workers) generate(b, journal);
    progress_.reset();
    if (!report_.finished) return std::move(report_);
    write_json(manifest, {{"settings", described()}, {"samples", report_.results}});
    journal.remove();
    return std::move(report_);
  }

 private:
  struct Sample {
    int64_t index;
    std::vector<Input> inputs;
    Json record;
  };

  std::vector<std::string> modalities() const {
    std::vector<std::string> names;
    for (const Target& target : settings_.plan.targets)
      if (!contains(names, target.modality)) names.push_back(target.modality);
    return names;
  }

  Json described() const {
    Json json = settings_json(settings_);
    json["variations"] = options_.variations;
    json["batch"] = options_.batch;
    if (options_.paste_kept) json["paste_kept"] = true;
    json["inputs"] = samples_.description();
    return json;
  }

  // A batch is generated whole, so that its results do not depend on interruptions.
  void generate(int64_t b, Journal& journal) {
    const int64_t begin = b * options_.batch, end = std::min(begin + options_.batch, samples_.size());
    bool is_done = true;
    for (int64_t i = begin; i < end; ++i) is_done = is_done && journal.find(samples_.name(i));
    report_.samples += end - begin;
    if (is_done) {
      for (int64_t i = begin; i < end; ++i) report_.results.push_back(*journal.find(samples_.name(i)));
      report_.kept += end - begin;
      return;
    }
    std::vector<Sample> batch;
    std::vector<Canvas> canvases;
    for (int64_t i = begin; i < end; ++i) read(i, batch, canvases);
    if (!canvases.empty() && !run(b, canvases)) {
      report_.finished = false;
      return;
    }
    auto canvas = canvases.begin();
    for (Sample& sample : batch) {
      if (sample.record.contains("results"))
        for (int64_t v = 0; v < options_.variations; ++v) write(sample, *canvas++, v);
      journal.append(sample.record);
      report_.results.push_back(std::move(sample.record));
    }
  }

  // Adds the sample, and its canvases unless it cannot be read.
  void read(int64_t i, std::vector<Sample>& batch, std::vector<Canvas>& canvases) {
    Sample sample{i, samples_.inputs(i), {{"name", samples_.name(i)}}};
    try {
      Canvas canvas = samples_.canvas(pipeline_, i, units_);
      for (const Target& target : settings_.plan.targets) pipeline_.add_target(canvas, target.modality);
      sample.record["inputs"] = inputs_json(pipeline_, canvas, sample.inputs);
      sample.record["results"] = Json::array();
      for (int64_t v = 0; v < options_.variations; ++v) {
        canvas.key = samples_.key(i, v);
        canvases.push_back(canvas);
      }
    } catch (const Error& error) {
      if (samples_.is_single()) throw;
      fail_sample(sample, error);
    }
    batch.push_back(std::move(sample));
  }

  void fail_sample(Sample& sample, const std::exception& error) {
    sample.record["failure"] = first_line(error.what());
    warn(samples_.name(sample.index), " is left out: ", sample.record["failure"].get<std::string>());
    ++report_.failed;
  }

  bool run(int64_t batch, std::vector<Canvas>& canvases) {
    RunOptions run{settings_.seed, settings_.draw, [&](int64_t step, int64_t steps, const std::string& target) {
                     if (!progress_) progress_.emplace("generate", steps * batches_);
                     progress_->update(batch * steps + step + 1, target);
                     return !options_.stop || !options_.stop();
                   }};
    return pipeline_.run(canvases, settings_.plan, run);
  }

  void write(Sample& sample, const Canvas& canvas, int64_t variation) {
    const ResultPlace place{samples_.name(sample.index), variation};
    const GenerationRecord made_from{settings_, sample.record["inputs"], canvas.key,
                                     samples_.recorded_name(sample.index)};
    Json results = Json::object();
    for (const auto& modality : modalities()) {
      Json& result = results[modality] = {{"files", Json::array()}};
      const auto list = [&](const std::vector<fs::path>& files) {
        for (const fs::path& file : files) result["files"].push_back(file.lexically_relative(options_.out).string());
      };
      list(files_.write_tokens(canvas, modality, place));
      if (pipeline_.modality(modality).kind == ModalityKind::kSequence && pipeline_.has_text_tokenizer())
        result["text"] = pipeline_.text(canvas, modality);
      try {
        const auto decoded =
            files_.write_decoded(canvas, modality, place, {{"fourm", made_from.text()}}, settings_.decoding);
        list(decoded);
        if (options_.paste_kept && !decoded.empty()) paste(sample, modality, decoded[0], made_from);
      } catch (const std::exception& error) {
        result["failure"] = first_line(error.what());
        sample.record["failure"] = modality + " could not be decoded";
        ++report_.undecoded;
        warn(place.sample.empty() ? modality : place.sample + ": " + modality,
             " could not be decoded: ", result["failure"].get<std::string>());
      }
    }
    sample.record["results"].push_back(std::move(results));
    if (options_.on_result) options_.on_result(canvas, place);
  }

  // Replaces the decoded image by one of the input's resolution, with the kept part of the input.
  void paste(const Sample& sample, const std::string& modality, const fs::path& decoded,
             const GenerationRecord& made_from) const {
    if (pipeline_.input_config(modality).kind != "rgb") return;
    for (const Input& input : sample.inputs) {
      if (input.keep.empty() || subject_of(pipeline_.input_name(input.modality)) != subject_of(modality)) continue;
      const fs::path file =
          parse_input_value(input.value, pipeline_.input_extensions(pipeline_.input_name(input.modality))).file;
      if (!is_image_file(file)) continue;
      const Image given = read_image(file);
      const int side = std::min(given.width, given.height);
      const auto square = std::get<Image>(centre_square(pipeline_.input_config(modality), given, side));
      const Image enlarged = resize_bilinear(read_image(decoded), side, side);
      write_png(decoded, KeepRegion::parse(input.keep).paste(square, enlarged), {{"fourm", made_from.text()}});
    }
  }

  const Pipeline& pipeline_;
  const SampleList& samples_;
  const GenerationSettings& settings_;
  const BatchOptions& options_;
  ResultFiles files_;
  DepthUnits own_units_;
  const DepthUnits& units_;
  int64_t batches_ = 0;
  std::optional<Progress> progress_;
  BatchReport report_;
};

}  // namespace

BatchReport generate_batches(const Pipeline& pipeline, const SampleList& samples, const GenerationSettings& settings,
                             const BatchOptions& options) {
  check(options.batch > 0 && options.variations > 0, "[generate_batches] batch and variations are at least 1");
  check(options.worker >= 0 && options.worker < options.workers, "[generate_batches] worker is below workers");
  return Run(pipeline, samples, settings, options)();
}

}  // namespace fourm
