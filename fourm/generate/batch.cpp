#include "fourm/generate/batch.h"

#include <algorithm>
#include <iterator>

#include "fourm/core/error.h"
#include "fourm/core/log.h"
#include "fourm/core/output_file.h"
#include "fourm/core/stopped.h"
#include "fourm/core/strings.h"
#include "fourm/generate/input_value.h"
#include "fourm/generate/keep_region.h"
#include "fourm/generate/result_journal.h"
#include "fourm/io/image_file.h"
#include "fourm/io/image_resize.h"

namespace fourm {
namespace {

std::string first_line(const std::string& message) { return message.substr(0, message.find('\n')); }

std::vector<std::string> modalities_of(const Plan& plan) {
  std::vector<std::string> names;
  for (const Target& target : plan.targets)
    if (!contains(names, target.modality)) names.push_back(target.modality);
  return names;
}

class Run {
 public:
  Run(const Pipeline& pipeline, const SampleList& samples, const GenerationSettings& settings,
      const BatchOptions& options)
      : pipeline_(pipeline),
        samples_(samples),
        settings_(settings),
        options_(options),
        units_(options.units ? *options.units : own_units_) {
    add_stage(pipeline, settings.plan);
    if (options.super_resolution) add_stage(*options.super_resolution, settings.super_resolution_plan);
  }

  BatchReport operator()() {
    if (!samples_.is_single()) samples_.check_shared(pipeline_, units_);
    const std::string part = options_.workers > 1 ? concat("-", options_.worker, "-of-", options_.workers) : "";
    const fs::path manifest = options_.out / concat("manifest", part, ".json");
    ResultJournal journal(options_.out / concat(".manifest", part, ".jsonl"), manifest, described(),
                          options_.overwrite);
    if (journal.is_new() && !options_.overwrite && !has_other_workers()) refuse_foreign_files();
    batches_ = (samples_.size() + options_.batch - 1) / options_.batch;
    forget_stale(journal);
    if (!journal.is_new()) remove_temporary(journal, manifest.filename().string());
    try {
      for (int64_t b = options_.worker; b < batches_ && report_.finished; b += options_.workers) generate(b, journal);
    } catch (const Stopped&) {  // while a result was decoded
      report_.finished = false;
    }
    progress_.reset();
    if (!report_.finished) return std::move(report_);
    if (journal.is_new() && report_.samples > 0 && report_.failed == report_.samples) {
      // There are no results: the folder is free for other settings.
      journal.remove();
      return std::move(report_);
    }
    write_json(manifest, {{"settings", described()}, {"samples", report_.results}});
    journal.remove();
    return std::move(report_);
  }

 private:
  // The model of a resolution. The second stage reads the canvases of the first.
  struct Stage {
    const Pipeline& pipeline;
    const Plan& plan;
    std::vector<std::string> targets;
    ResultFiles files;
    int64_t steps, steps_before;
  };
  struct Sample {
    int64_t index;
    std::vector<Input> inputs;
    Json record;
  };
  // A result: the sample's canvas in each stage.
  struct Result {
    ResultPlace place;
    std::vector<Canvas> canvases;
  };

  void add_stage(const Pipeline& pipeline, const Plan& plan) {
    std::vector<std::string> names = modalities_of(settings_.plan);
    for (const auto& name : modalities_of(settings_.super_resolution_plan)) names.push_back(name);
    const int64_t steps = pipeline.step_count(plan);
    stages_.push_back({pipeline, plan, modalities_of(plan),
                       ResultFiles(pipeline, options_.out, names, options_.variations), steps, steps_});
    steps_ += steps;
  }

  // Whether a worker of the same run has begun or finished. Error when it has other settings.
  bool has_other_workers() const {
    if (options_.workers == 1) return false;
    std::error_code error;
    bool found = false;
    for (const auto& entry : fs::directory_iterator(options_.out, error)) {
      const std::string name = entry.path().stem().string();
      if (!name.starts_with("manifest-") && !name.starts_with(".manifest-")) continue;
      if (!name.ends_with(concat("-of-", options_.workers))) continue;
      check_same_settings(entry.path(), described());
      found = true;
    }
    return found;
  }

  void refuse_foreign_files() const {
    for (const Stage& stage : stages_)
      for (const auto& modality : stage.targets) {
        const fs::path file = stage.files.existing(modality, samples_.is_single());
        check(file.empty(), file.string(), ": is no result of this command, and results of '", modality,
              "' would replace such files; give another --out, or --overwrite to replace them");
      }
  }

  // Of the files of a finished sample the first that is no longer there; "" where all are.
  std::string missing_file(const Json& done) const {
    std::error_code ignored;
    for (const Json& variation : done.value("results", Json::array()))
      for (const auto& [modality, result] : variation.items())
        for (const Json& file : result.value("files", Json::array()))
          if (const fs::path path = options_.out / file.get<std::string>();
              !fs::is_regular_file(path, ignored) || fs::file_size(path, ignored) == 0)
            return path.string();
    return "";
  }

  // Samples whose inputs have changed since, or whose result files are missing, are generated again.
  void forget_stale(ResultJournal& journal) const {
    constexpr size_t kShown = 3;
    std::vector<std::string> stale;
    int64_t unknown = 0;
    for (int64_t b = options_.worker; b < batches_; b += options_.workers)
      for (int64_t i = b * options_.batch; i < std::min((b + 1) * options_.batch, samples_.size()); ++i) {
        const std::string& name = samples_.name(i);
        const Json* done = journal.find(name);
        if (!done) continue;
        const auto contents = samples_.contents(pipeline_, i, units_);
        const bool is_known = done->contains("digests");
        if (!is_known || done->at("digests") == digests_json(contents)) {
          if (const std::string file = missing_file(*done); !file.empty()) {
            stale.push_back(concat(name, name.empty() ? "" : " ", "(", file, " is missing)"));
            journal.forget(name);
          } else if (!is_known) {
            ++unknown;
          }
          continue;
        }
        const std::string what = join(changed_inputs(done->at("digests"), contents), ", ");
        check(!samples_.is_single(), journal.origin().string(), ": the folder holds a result of other inputs: ", what,
              " changed since; give another --out, or --overwrite to replace it");
        stale.push_back(concat(name, " (", what, " changed)"));
        journal.forget(name);
      }
    const auto count = static_cast<int64_t>(stale.size());
    if (stale.size() > kShown) {
      stale.resize(kShown);
      stale.push_back("...");
    }
    if (count > 0) note(counted(count, "sample"), " generated again: ", join(stale, ", "));
    if (unknown > 0)
      note(counted(unknown, "sample"),
           " of an earlier version kept: whether their inputs changed since is not known; --overwrite replaces them");
  }

  // Files that the interrupted run had not finished. Other workers have other samples.
  void remove_temporary(const ResultJournal& journal, const std::string& manifest) const {
    std::vector<std::string> unfinished;
    for (int64_t b = options_.worker; b < batches_; b += options_.workers)
      for (int64_t i = b * options_.batch; i < std::min((b + 1) * options_.batch, samples_.size()); ++i)
        if (!journal.find(samples_.name(i))) unfinished.push_back(samples_.name(i));
    stages_[0].files.remove_temporary(unfinished);
    remove_temporary_files(options_.out, [&](const std::string& name) { return name == manifest; });
  }

  static Json digests_json(const std::vector<SampleList::Content>& contents) {
    Json digests = Json::array();
    for (const auto& content : contents) digests.push_back(content.sha256);
    return digests;
  }

  static std::vector<std::string> changed_inputs(const Json& digests,
                                                 const std::vector<SampleList::Content>& contents) {
    std::vector<std::string> changed;
    for (size_t k = 0; k < contents.size(); ++k)
      if (!digests.is_array() || digests.size() != contents.size() || digests[k] != contents[k].sha256)
        changed.push_back(contents[k].what);
    return changed;
  }

  Json described() const {
    Json json = settings_json(settings_);
    json["variations"] = options_.variations;
    if (options_.workers > 1) json["batch"] = options_.batch;  // it decides which samples a worker has
    json["inputs"] = samples_.description();
    return json;
  }

  // A batch is generated whole, so that its results do not depend on interruptions.
  void generate(int64_t b, ResultJournal& journal) {
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
    std::vector<std::vector<Canvas>> by_stage;
    for (const Stage& stage : stages_) {
      if (stage.steps_before > 0) canvases = next_stage(stage.pipeline, canvases);
      if (!run(stage, b, canvases)) {
        report_.finished = false;
        return;
      }
      by_stage.push_back(canvases);
    }
    make_folder(options_.out);
    journal.begin();
    size_t next = 0;
    for (Sample& sample : batch) {
      if (const Json* done = journal.find(samples_.name(sample.index))) {
        next += static_cast<size_t>(sample.record.contains("results") ? options_.variations : 0);
        report_.results.push_back(*done);
        ++report_.kept;
        continue;
      }
      for (int64_t v = 0; sample.record.contains("results") && v < options_.variations; ++v, ++next) {
        Result result{{samples_.name(sample.index), v}, {}};
        for (auto& stage : by_stage) result.canvases.push_back(std::move(stage[next]));
        write(sample, result);
      }
      journal.append(sample.record);
      report_.results.push_back(std::move(sample.record));
    }
  }

  // Adds the sample, and its canvases unless it cannot be read.
  void read(int64_t i, std::vector<Sample>& batch, std::vector<Canvas>& canvases) {
    Sample sample{i, samples_.inputs(i), {{"name", samples_.name(i)}}};
    try {
      sample.record["digests"] = digests_json(samples_.contents(pipeline_, i, units_));
      Canvas canvas = samples_.canvas(pipeline_, i, units_);
      for (const Target& target : settings_.plan.targets) pipeline_.add_target(canvas, target.modality);
      sample.record["inputs"] = inputs_json(pipeline_, canvas, sample.inputs, settings_.paste_kept);
      sample.record["results"] = Json::array();
      for (int64_t v = 0; v < options_.variations; ++v) {
        canvas.key = samples_.key(i, v);
        canvases.push_back(canvas);
      }
    } catch (const Error& error) {
      if (samples_.is_single() || samples_.has_variants()) throw;
      sample.record["failure"] = first_line(error.what());
      warn(samples_.name(i), " is left out: ", sample.record["failure"].get<std::string>());
      ++report_.failed;
    }
    batch.push_back(std::move(sample));
  }

  static std::vector<Canvas> next_stage(const Pipeline& pipeline, const std::vector<Canvas>& canvases) {
    std::vector<Canvas> next(canvases.size());
    for (size_t i = 0; i < next.size(); ++i) pipeline.add_known_from(next[i], canvases[i]);
    return next;
  }

  // All variations of a batch, at most options.batch canvases at a time. False when it was stopped.
  bool run(const Stage& stage, int64_t batch, std::vector<Canvas>& canvases) {
    const auto n = static_cast<int64_t>(canvases.size()), parts = (n + options_.batch - 1) / options_.batch;
    for (int64_t k = 0; k < parts; ++k) {
      const int64_t begin = k * options_.batch, end = std::min(n, begin + options_.batch);
      std::vector<Canvas> part(std::make_move_iterator(canvases.begin() + begin),
                               std::make_move_iterator(canvases.begin() + end));
      if (!run(stage, batch, k, parts, part)) return false;
      std::move(part.begin(), part.end(), canvases.begin() + begin);
    }
    return true;
  }

  // Part `k` of `parts` of a batch.
  bool run(const Stage& stage, int64_t batch, int64_t k, int64_t parts, std::vector<Canvas>& canvases) {
    // `done` of the stage's `steps`, which are more where canvases are run in groups.
    const auto report = [&](int64_t done, int64_t steps, const std::string& what) {
      if (!progress_) progress_.emplace("generate", steps_ * batches_);
      done_ = batch * steps_ + stage.steps_before + (k * steps + done) * stage.steps / (parts * steps);
      say(parts > 1 ? concat(what, ", part ", k + 1, " of ", parts) : what);
      return goes_on();
    };
    RunOptions run{settings_.seed, settings_.draw, [&](int64_t step, int64_t steps, const std::string& target) {
                     return report(step + 1, steps, target);
                   }};
    run.on_token = [&](const TextProgress& text) {
      return report(text.step, text.steps, concat(text.target, ", token ", text.tokens, " of at most ", text.most));
    };
    return stage.pipeline.run(canvases, stage.plan, run);
  }

  bool goes_on() const { return !options_.stop || !options_.stop(); }

  // What is being done within a step.
  void say(const std::string& detail) {
    if (progress_) progress_->update(done_, detail);
  }

  void write(Sample& sample, const Result& result) {
    const GenerationRecord made_from{settings_, sample.record["inputs"], result.canvases[0].key,
                                     samples_.recorded_name(sample.index)};
    Json results = Json::object();
    for (size_t s = 0; s < stages_.size(); ++s)
      for (const auto& modality : stages_[s].targets)
        results[modality] = write(sample, stages_[s], result.canvases[s], modality, result.place, made_from);
    sample.record["results"].push_back(std::move(results));
    if (options_.on_result) options_.on_result(result.canvases[0], result.place);
  }

  // Tokens and texts first: they are there even if the decoder fails.
  Json write(Sample& sample, const Stage& stage, const Canvas& canvas, const std::string& modality,
             const ResultPlace& place, const GenerationRecord& made_from) {
    Json result{{"files", Json::array()}};
    const auto list = [&](const std::vector<fs::path>& files) {
      for (const fs::path& file : files) result["files"].push_back(file.lexically_relative(options_.out).string());
    };
    const Pipeline& pipeline = stage.pipeline;
    list(stage.files.write_tokens(canvas, modality, place));
    if (pipeline.modality(modality).kind == ModalityKind::kSequence && pipeline.has_text_tokenizer())
      result["text"] = pipeline.text(canvas, modality);
    try {
      const TextChunks record{{"fourm", made_from.text()}};
      DecodeOptions decoding = settings_.decoding;
      decoding.on_step = [&](int64_t step, int64_t steps) {
        say(concat(modality, ", denoising step ", step, " of ", steps));
        return goes_on();
      };
      const auto decoded = stage.files.write_decoded(canvas, modality, place, record, decoding);
      list(decoded);
      if (settings_.paste_kept && !decoded.empty()) paste(sample, pipeline, modality, decoded[0], record);
    } catch (const Stopped&) {
      throw;
    } catch (const std::exception& error) {
      result["failure"] = first_line(error.what());
      sample.record["failure"] = modality + " could not be decoded";
      ++report_.undecoded;
      warn(place.sample.empty() ? modality : place.sample + ": " + modality,
           " could not be decoded: ", result["failure"].get<std::string>());
    }
    return result;
  }

  // Replaces the decoded image by one of the input's resolution, with the kept part of the input.
  void paste(const Sample& sample, const Pipeline& pipeline, const std::string& modality, const fs::path& decoded,
             const TextChunks& record) const {
    if (!pipeline.has_tokenizer(modality) || pipeline.input_config(modality).kind != "rgb") return;
    for (const Input& input : sample.inputs) {
      const std::string given_as = pipeline_.input_name(input.modality);
      if (input.keep.empty() || base_name(given_as) != base_name(modality)) continue;
      const fs::path file = parse_input_value(input.value, pipeline_.input_extensions(given_as)).file;
      if (!is_image_file(file)) continue;
      const Image given = read_image(file);
      const int side = std::min(given.width, given.height);
      const auto square = std::get<Image>(centre_square(pipeline.input_config(modality), given, side));
      const Image enlarged = resize_bilinear(read_image(decoded), side, side);
      write_png(decoded, KeepRegion::parse(input.keep).paste(square, enlarged), record);
    }
  }

  const Pipeline& pipeline_;
  const SampleList& samples_;
  const GenerationSettings& settings_;
  const BatchOptions& options_;
  DepthUnits own_units_;
  const DepthUnits& units_;
  std::vector<Stage> stages_;
  int64_t batches_ = 0, steps_ = 0;  // steps of a batch
  std::optional<Progress> progress_;
  int64_t done_ = 0;  // steps of all batches
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
