#include "fourm/parity/cases.h"

#include <algorithm>
#include <map>

#include "fourm/core/error.h"
#include "fourm/core/json.h"
#include "fourm/generate/generator.h"
#include "fourm/generate/schedule.h"
#include "fourm/parity/padded_batch.h"

namespace fourm {
namespace {

Tensor to_rows(const std::vector<std::vector<int64_t>>& rows, int64_t pad) {
  size_t longest = 0;
  for (const auto& row : rows) longest = std::max(longest, row.size());
  Tensor out = at::full({static_cast<int64_t>(rows.size()), static_cast<int64_t>(longest)}, pad, at::kLong);
  for (size_t b = 0; b < rows.size(); ++b)
    std::copy(rows[b].begin(), rows[b].end(), out[static_cast<int64_t>(b)].data_ptr<int64_t>());
  return out;
}

// One run of the case: its canvases, its steps, and what is recorded of it.
class Run {
 public:
  Run(const FourM& model, std::shared_ptr<const DraftModel> draft, const SafetensorsFile& inputs,
      const std::string& name, const Json& json, int64_t stride, const std::string& where)
      : model_(model),
        draft_(std::move(draft)),
        inputs_(inputs),
        name_(name),
        json_(json),
        stride_(stride),
        where_(where + ": run " + name) {}

  void operator()(NamedTensors& results) {
    read_canvases();
    read_steps();
    GenerateOptions options;
    options.seed = json_.contains("seed") && json_["seed"].is_number() ? json_["seed"].get<uint64_t>() : 0;
    options.draw = json_.value("draw", "argmax") != "argmax";
    options.draft = draft_;
    options.on_logits = [&](int64_t step, const std::vector<Tensor>& passes, const Tensor& guided) {
      record_logits(step, passes, guided, results);
    };
    options.on_step = [&](const StepReport& report) {
      record_step(report, results);
      return true;
    };
    if (inputs_.find(name_ + ".step0.slots") || has_roar())
      options.choose_slots = [&](int64_t step, size_t canvas) { return given_slots(step, canvas); };
    generate(model_, steps_, canvases_, options);
    if (!texts_.empty()) results.emplace_back(name_ + ".ar_argmax_per_step", at::cat(texts_, 1));
    std::vector<std::string> done;
    for (const auto& step : steps_) {
      if (std::find(done.begin(), done.end(), step.target) != done.end()) continue;
      done.push_back(step.target);
      std::vector<std::vector<int64_t>> rows;
      for (auto& canvas : canvases_) rows.push_back(canvas.at(step.target).data.ids);
      results.emplace_back(name_ + ".final." + step.target + ".tensor", to_rows(rows, SequenceIds().pad));
    }
  }

 private:
  bool has_roar() const {
    return std::any_of(steps_.begin(), steps_.end(), [](const Step& s) { return s.scheme == Scheme::kRoar; }) &&
           json_.value("draw", "argmax") == "argmax";
  }

  // One row for all canvases, or a row each.
  std::vector<int64_t> given_slots(int64_t step, size_t canvas) const {
    const Tensor slots = read_tensor(inputs_, name_ + ".step" + std::to_string(step) + ".slots");
    return integers(slots.dim() == 2 ? slots[std::min(static_cast<int64_t>(canvas), slots.size(0) - 1)] : slots);
  }

  // The entries of a weighted condition are named by its number.
  void add_inputs(const Json& fields, const std::vector<std::string>& order, const std::string& suffix = "") {
    for (const auto& modality : order) {
      const Json entry = json_get<Json>(fields, modality, where_);
      const auto tensor = [&](const char* field) {
        return read_tensor(inputs_, json_get<std::string>(entry, field, where_ + ": " + modality));
      };
      const Tensor values = tensor("tensor"), hidden = tensor("input_mask"), spared = tensor("target_mask");
      const Modality info = model_.modality(modality);
      const Tensor rows = info.kind == ModalityKind::kPixels ? to_patches(values, info.patch_size) : values;
      if (canvases_.empty()) canvases_.resize(static_cast<size_t>(values.size(0)));
      check(static_cast<int64_t>(canvases_.size()) == values.size(0), where_, ": ", modality, " has ", values.size(0),
            " rows, expected ", canvases_.size());
      for (int64_t b = 0; b < values.size(0); ++b) {
        Canvas::Entry item{modality, {}, {}, {}, modality + suffix};
        if (rows.is_floating_point()) {
          const Tensor flat = rows[b].to(at::kFloat).contiguous();
          item.data.width = flat.size(-1);
          item.data.values.assign(flat.data_ptr<float>(), flat.data_ptr<float>() + flat.numel());
        } else {
          item.data.ids = integers(rows[b]);
        }
        for (const int64_t flag : integers(hidden[b])) item.known.push_back(!flag);
        for (const int64_t flag : integers(spared[b])) item.target.push_back(!flag);
        check(static_cast<int64_t>(item.known.size()) == item.data.length() && item.known.size() == item.target.size(),
              where_, ": ", modality, " has masks of another length than its tokens");
        canvases_[static_cast<size_t>(b)].entries.push_back(std::move(item));
      }
    }
  }

  void read_canvases() {
    if (json_.contains("inputs")) {
      add_inputs(json_["inputs"], json_get<std::vector<std::string>>(json_, "input_order", where_));
    } else {
      const auto orders = json_get<std::vector<std::vector<std::string>>>(json_, "cond_orders", where_);
      const auto fields = json_get<std::vector<Json>>(json_, "cond_inputs", where_);
      check(orders.size() == fields.size(), where_, ": cond_orders and cond_inputs differ in length");
      for (size_t i = 0; i < orders.size(); ++i) {
        const std::string suffix = concat("#", i + 1);
        add_inputs(fields[i], orders[i], suffix);
        weighted_.emplace_back();
        for (const auto& name : orders[i]) weighted_.back().push_back(name + suffix);
      }
      add_inputs(json_get<Json>(json_, "uncond_inputs", where_),
                 json_get<std::vector<std::string>>(json_, "uncond_order", where_));
    }
    for (size_t b = 0; b < canvases_.size(); ++b) canvases_[b].key = b;
  }

  void read_steps() {
    auto conditions = weighted_;
    Filter filter{.top_k = 0, .top_k_share = 0, .top_p = json_.value("top_p", 0.0)};
    if (const Json top_k = json_.value("top_k", Json(0)); top_k.is_number_float())
      filter.top_k_share = top_k.get<double>();
    else
      filter.top_k = top_k.get<int64_t>();
    for (const auto& item : json_get<std::vector<Json>>(json_, "schedule", where_)) {
      Step step;
      step.target = json_get<std::string>(item, "target_domain", where_);
      step.scheme = parse_scheme(json_get<std::string>(item, "scheme", where_));
      step.temperature = json_get<double>(item, "temperature", where_);
      step.filter = filter;
      if (item.contains("num_tokens") && item["num_tokens"].is_number())
        step.tokens = item["num_tokens"].get<int64_t>();
      if (!steps_.empty() && steps_.back().target == step.target)
        step.tokens_before = steps_.back().tokens_before + steps_.back().tokens;
      else if (!steps_.empty() && !weighted_.empty())
        conditions.push_back({steps_.back().target});
      const auto scale = json_get<Json>(item, "cfg_scale", where_);
      if (scale.is_array()) {
        const auto weights = scale.get<std::vector<double>>();
        for (size_t i = 0; i < std::min(weights.size(), conditions.size()); ++i)
          step.guidance.terms.push_back({conditions[i], weights[i]});
      } else {
        step.guidance.scale = json_get<double>(item, "cfg_scale", where_);
        step.guidance.conditions = json_get<std::vector<std::string>>(item, "cfg_cond_domains", where_);
      }
      steps_.push_back(std::move(step));
    }
    std::map<std::string, int64_t> totals;
    for (const auto& step : steps_) totals[step.target] += step.tokens;
    for (auto& step : steps_) step.tokens_total = totals[step.target];
  }

  void record_logits(int64_t step, const std::vector<Tensor>& passes, const Tensor& guided, NamedTensors& results) {
    const std::string strided = ".logits_stride" + std::to_string(stride_);
    if (steps_[step].scheme == Scheme::kAutoregressive) {
      if (text_started_) return;
      text_started_ = true;
      const auto record = [&](const std::string& at, const Tensor& logits) {
        results.emplace_back(name_ + at + strided, logits.slice(1, 0, {}, stride_));
        results.emplace_back(name_ + at + ".logsumexp", at::logsumexp(logits, 1));
      };
      record(".ar_step0", passes[0]);
      if (passes.size() > 1) record(".ar_step0.uncond", passes.back());
      return;
    }
    if (step != 0) return;
    const auto by_canvas = [&](const Tensor& rows) {
      return rows.view({static_cast<int64_t>(canvases_.size()), -1, rows.size(1)});
    };
    const Tensor logits = by_canvas(guided);  // [B, slots, V]
    results.emplace_back(name_ + ".step0" + strided, logits.slice(2, 0, {}, stride_));
    results.emplace_back(name_ + ".step0.logsumexp", at::logsumexp(logits, 2));
    results.emplace_back(name_ + ".step0.argmax", logits.argmax(2));
    if (passes.size() == 1) return;
    std::vector<std::vector<int64_t>> slots;
    for (size_t b = 0; b < canvases_.size(); ++b) {
      slots.emplace_back();
      const auto& target = canvases_[b].at(steps_[0].target).target;
      for (size_t i = 0; i < target.size(); ++i)
        if (target[i]) slots.back().push_back(static_cast<int64_t>(i));
      if (steps_[0].scheme == Scheme::kRoar && inputs_.find(name_ + ".step0.slots")) slots.back() = given_slots(0, b);
    }
    for (size_t p = 0; p < passes.size(); ++p) {
      const std::string pass = name_ + ".step0.pass" + std::to_string(p);
      results.emplace_back(pass + ".logsumexp", at::logsumexp(by_canvas(passes[p]), 2));
      results.emplace_back(pass + ".positions", to_rows(slots, -1));
    }
  }

  void record_step(const StepReport& report, NamedTensors& results) {
    std::vector<std::vector<int64_t>> slots, tokens;
    std::vector<Tensor> confidences;
    size_t longest = 0;
    for (const auto& row : report.rows) {
      slots.push_back(row.slots);
      tokens.push_back(row.tokens);
      longest = std::max(longest, row.tokens.size());
    }
    if (report.what.scheme == Scheme::kAutoregressive) {
      texts_.push_back(to_rows(tokens, 0));
      return;
    }
    for (const auto& row : report.rows) {
      Tensor values = at::zeros({static_cast<int64_t>(longest)}, at::kFloat);
      std::copy(row.confidences.begin(), row.confidences.end(), values.data_ptr<float>());
      confidences.push_back(values);
    }
    const std::string step = name_ + ".step" + std::to_string(report.step);
    results.emplace_back(step + ".positions", to_rows(slots, -1));
    results.emplace_back(step + ".tokens", to_rows(tokens, -1));
    results.emplace_back(step + ".conf", at::stack(confidences));
  }

  const FourM& model_;
  std::shared_ptr<const DraftModel> draft_;
  const SafetensorsFile& inputs_;
  std::string name_;
  const Json& json_;
  int64_t stride_;
  std::string where_;
  std::vector<Canvas> canvases_;
  std::vector<Step> steps_;
  std::vector<std::vector<std::string>> weighted_;  // the conditions of a weighted run
  std::vector<Tensor> texts_;
  bool text_started_ = false;
};

}  // namespace

NamedTensors run_generation_case(const fs::path& folder, const ComputeConfig& config) {
  const Json info = read_json(folder / "case.json");
  const std::string where = (folder / "case.json").string();
  const Compute compute = compute_of(config);
  const ModelFiles files = open_model_files(folder / info.value("model_dir", "."));
  const FourM model = load_model(files, compute);
  const auto inputs = SafetensorsFile::open(folder / "inputs.safetensors");
  NamedTensors results;
  const Json runs = json_get<Json>(info, "runs", where);
  for (const auto& [name, run] : runs.items())
    Run(model, draft_model(files, compute), inputs, name, run, info.value("logits_vocab_stride", int64_t{32}),
        where)(results);
  return on_host(results);
}

}  // namespace fourm
