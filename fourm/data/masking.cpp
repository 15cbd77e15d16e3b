#include "fourm/data/masking.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "fourm/core/error.h"
#include "fourm/core/strings.h"
#include "fourm/data/budget.h"

namespace fourm {
namespace {

bool is_grid(ModalityKind kind) { return kind == ModalityKind::kTokens || kind == ModalityKind::kPixels; }

void check_range(const char* key, const std::vector<int64_t>& range) {
  check(range.size() == 2 && range[0] >= 0 && range[0] <= range[1], key,
        " should be [least, most] with 0 <= least <= most");
}

// Alphas of the named modalities, `others` for the rest of `allowed`, 0 for what is not allowed.
std::vector<double> alphas(const std::string& where, const std::map<std::string, double>& named, double others,
                           const std::vector<std::string>& slots, const std::set<std::string>& allowed) {
  const auto valid = [&](const std::string& key, double alpha) {
    check(std::isfinite(alpha) && alpha >= 0, where, key, " is ", alpha, ", expected 0 or more");
  };
  valid("_others", others);
  for (const auto& [name, alpha] : named) {
    valid("." + name, alpha);
    check(allowed.contains(name), where, ": ", printable(name), " is not one of its modalities",
          did_you_mean(name, {allowed.begin(), allowed.end()}));
  }
  std::vector<double> values;
  for (const auto& name : slots) {
    const auto found = named.find(name);
    values.push_back(!allowed.contains(name) ? 0 : found == named.end() ? others : found->second);
  }
  check(std::accumulate(values.begin(), values.end(), 0.0) > 0, where, ": at least one alpha should be positive");
  return values;
}

// Those of `names` that can be targets.
std::set<std::string> possible_targets(const ModalityTable& table, const std::vector<std::string>& names,
                                       int64_t image_size, int64_t patch_size) {
  std::set<std::string> possible;
  for (const auto& name : names)
    if (can_be_target(table.at(name, image_size, patch_size).kind)) possible.insert(name);
  return possible;
}

// Takes out of `slots`, of a grid with `side` a side, those that lie on given patches of a grid with `patches` a side.
void leave_out_covered(std::vector<int64_t>& slots, int64_t side, const std::vector<int64_t>& given, int64_t patches) {
  std::vector<bool> covered(side * side, false);
  for (const int64_t patch : given) {
    const int64_t row = patch / patches, column = patch % patches;
    // Both grids cover the same square: slot r spans r / side to (r + 1) / side.
    for (int64_t r = row * side / patches; r * patches < (row + 1) * side; ++r)
      for (int64_t c = column * side / patches; c * patches < (column + 1) * side; ++c) covered[r * side + c] = true;
  }
  std::erase_if(slots, [&](int64_t slot) { return covered[slot]; });
}

// The rows of `data` at `positions`, as a run.
TokenRun take(const std::string& name, const ModalityData& data, std::vector<int64_t> positions) {
  TokenRun run{name, {}, {}, data.width, std::move(positions)};
  for (const int64_t p : run.positions) {
    if (data.width)
      run.values.insert(run.values.end(), data.values.begin() + p * data.width,
                        data.values.begin() + (p + 1) * data.width);
    else
      run.ids.push_back(data.ids[p]);
  }
  return run;
}

std::vector<int64_t> counting(int64_t first, int64_t n) {
  std::vector<int64_t> numbers(n);
  std::iota(numbers.begin(), numbers.end(), first);
  return numbers;
}

struct MaskedSequence {
  TokenRun input;
  std::vector<int64_t> target;  // empty when the input leaves nothing to predict
};

// Keeps each id with probability `keep`, less and less until the input fits the budget. Without a budget all is masked.
MaskedSequence mask_sequence(const std::string& name, const ModalityData& data, int64_t budget, double keep,
                             SentinelRange sentinels, Random& random) {
  // Embeddings are masked by way of ids that stand for their rows.
  const int64_t first_row = sentinels.first + sentinels.count;
  const std::vector<int64_t> ids = data.width ? counting(first_row, data.length()) : data.ids;
  if (budget == 0) keep = 0;
  SpanMasked masked;
  std::vector<bool> kept(ids.size());
  for (;; keep = keep > 1e-3 ? 0.9 * keep : 0) {
    if (data.chunks.empty())
      for (size_t t = 0; t < ids.size(); ++t) kept[t] = random.chance(keep);
    auto next = kept.begin();
    for (const int64_t length : data.chunks) next = std::fill_n(next, length, random.chance(keep));
    masked = mask_spans(ids, kept, sentinels);
    if (keep == 0 || static_cast<int64_t>(masked.input.size()) <= budget) break;
  }
  if (budget == 0) masked.input.clear();
  if (masked.target.size() < 2) masked.target.clear();  // a lone sentinel
  const auto length = static_cast<int64_t>(masked.input.size());
  TokenRun input{name, {}, {}, data.width, counting(0, length)};
  if (data.width == 0) {
    input.ids = std::move(masked.input);
    return {std::move(input), std::move(masked.target)};
  }
  input.values.resize(length * data.width, 0);  // masked runs stay, as zero vectors
  for (int64_t t = 0; t < length; ++t)
    if (!sentinels.contains(masked.input[t]))
      std::copy_n(data.values.begin() + (masked.input[t] - first_row) * data.width, data.width,
                  input.values.begin() + t * data.width);
  return {std::move(input), {}};
}

}  // namespace

bool can_be_target(ModalityKind kind) { return kind == ModalityKind::kTokens || kind == ModalityKind::kSequence; }

MaskingConfig with_names(MaskingConfig config) {
  std::set<std::string> names;
  for (size_t c = 0; c < config.mixture.size(); ++c) {
    std::string& name = config.mixture[c].name;
    if (name.empty()) name = std::to_string(c);
    check(names.insert(name).second, "mixture[", c, "].name: ", printable(name),
          " is the name of an earlier component; give each another name");
  }
  return config;
}

MaskingConfig restricted(MaskingConfig config, const ModalityTable& table, const std::vector<std::string>& inputs,
                         const std::vector<std::string>& targets, int64_t image_size, int64_t patch_size) {
  const std::set<std::string> readable(inputs.begin(), inputs.end()),
      writable = possible_targets(table, targets, image_size, patch_size);
  const auto restrict_side = [](std::map<std::string, double>& named, double others,
                                const std::set<std::string>& allowed) {
    std::erase_if(named, [&](const auto& item) { return !allowed.contains(item.first); });
    const bool any_named = std::any_of(named.begin(), named.end(), [](const auto& item) { return item.second > 0; });
    return any_named || (others > 0 && named.size() < allowed.size());
  };
  std::erase_if(config.mixture, [&](MaskingComponent& component) {
    std::erase_if(component.keep,
                  [&](const auto& item) { return !readable.contains(item.first) && !writable.contains(item.first); });
    const bool input = restrict_side(component.input, component.input_others, readable),
               target = restrict_side(component.target, component.target_others, writable);
    return !input || !target;
  });
  return config;
}

MaskingConfig masking_of_set(const SetRecipe& recipe, const ModalityTable& table, int64_t image_size,
                             int64_t patch_size, const std::function<void(const std::string&)>& warning) {
  MaskingConfig left = restricted(recipe.masking, table, recipe.inputs, recipe.targets, image_size, patch_size);
  std::set<std::string> names(recipe.inputs.begin(), recipe.inputs.end()), kept;
  names.insert(recipe.targets.begin(), recipe.targets.end());
  const auto is_drawn = [](const MaskingComponent& component) { return component.weight > 0; };
  check(std::any_of(left.mixture.begin(), left.mixture.end(), is_drawn),
        "no component of the masking mixture has an input and a target among ",
        join({names.begin(), names.end()}, ", "), "; give the set a masking.mixture of its own");
  for (const auto& component : left.mixture) kept.insert(component.name);
  std::vector<std::string> unused;
  for (const auto& component : recipe.masking.mixture)
    if (!kept.contains(component.name)) unused.push_back(component.name);
  if (!unused.empty())
    warning("its modalities leave no input or no target to these masking components: " + join(unused, ", "));
  return left;
}

Masker::Masker(const MaskingConfig& config, const ModalityTable& table, const std::vector<std::string>& inputs,
               const std::vector<std::string>& targets, SentinelRange sentinels, int64_t image_size, int64_t patch_size)
    : config_(config), sentinels_(sentinels) {
  check_range("input_tokens", config.input_tokens);
  check_range("target_tokens", config.target_tokens);
  check(!config.mixture.empty(), "mixture is empty, expected at least one component");
  const std::set<std::string> readable(inputs.begin(), inputs.end());
  const std::set<std::string> writable = possible_targets(table, targets, image_size, patch_size);
  std::set<std::string> all = readable;
  all.insert(writable.begin(), writable.end());
  const std::vector<std::string> names(all.begin(), all.end());
  for (const auto& name : names) {
    const Modality modality = table.at(name, image_size, patch_size);
    const bool laid_over = is_grid(modality.kind) && modality.positions == PositionKind::kSinCos2d;
    slots_.push_back({name, modality.kind, laid_over ? modality.grid() : 0, modality.max_tokens});
  }

  for (size_t c = 0; c < config.mixture.size(); ++c) {
    const MaskingComponent& from = config.mixture[c];
    const std::string where = concat("mixture[", c, "].");
    check(std::isfinite(from.weight) && from.weight >= 0, where, "weight is ", from.weight, ", expected 0 or more");
    weights_.push_back(from.weight);
    Component component{alphas(where + "input", from.input, from.input_others, names, readable),
                        alphas(where + "target", from.target, from.target_others, names, writable),
                        std::vector<Keep>(names.size(), Keep::kRandom)};
    for (const auto& [name, scheme] : from.keep) {
      const auto slot = std::find(names.begin(), names.end(), name);
      check(slot != names.end() && !is_grid(slots_[slot - names.begin()].kind), where, "keep: ", printable(name),
            " is not a sequence of the model", did_you_mean(name, names));
      check(scheme == "random" || scheme == "all" || scheme == "binary", where, "keep.", name, " is ",
            printable(scheme), ", expected random, all or binary");
      component.keep[slot - names.begin()] = scheme == "all"      ? Keep::kAll
                                             : scheme == "binary" ? Keep::kBinary
                                                                  : Keep::kRandom;
    }
    components_.push_back(std::move(component));
  }
  check(std::accumulate(weights_.begin(), weights_.end(), 0.0) > 0, "mixture: at least one weight should be positive");
}

double Masker::draw_keep(Keep keep, Random& random) const {
  if (keep == Keep::kAll) return 1;
  return keep == Keep::kBinary ? static_cast<double>(random.below(2)) : random.uniform();
}

const Masker::Component& Masker::draw_component(const std::vector<const ModalityData*>& data, Random& random) const {
  const auto has_part = [&](const std::vector<double>& alphas) {
    for (size_t i = 0; i < alphas.size(); ++i)
      if (alphas[i] > 0 && data[i] && data[i]->length() > 0) return true;
    return false;
  };
  std::vector<double> weights = weights_;
  double total = 0;
  for (size_t c = 0; c < weights.size(); ++c) {
    if (!has_part(components_[c].input) || !has_part(components_[c].target)) weights[c] = 0;
    total += weights[c];
  }
  return components_[random.choice(total > 0 ? weights : weights_)];
}

// A sample while it is masked. Lists are by slot.
struct Masker::State {
  std::vector<const ModalityData*> data;         // null: the sample lacks the modality
  std::vector<bool> grid;                        // and not a sequence
  std::vector<int64_t> room;                     // tokens that may still be used
  std::vector<int64_t> parts;                    // of the budget
  std::vector<std::vector<int64_t>> texts;       // what is left to predict of sequences
  std::vector<std::vector<int64_t>> free_slots;  // of grids, in random order
  MaskedSample result;

  explicit State(size_t n) : data(n, nullptr), grid(n, false), room(n, 0), parts(n, 0), texts(n), free_slots(n) {}
};

Masker::State Masker::begin(const TokenSample& sample) const {
  State state(slots_.size());
  for (size_t i = 0; i < slots_.size(); ++i) {
    const auto found = sample.find(slots_[i].name);
    if (found == sample.end()) continue;
    state.data[i] = &found->second;
    state.grid[i] = is_grid(slots_[i].kind);
    state.room[i] = found->second.length();
  }
  return state;
}

MaskedSample Masker::operator()(const TokenSample& sample, Random random) const {
  State state = begin(sample);
  const Component& component = draw_component(state.data, random);
  const int64_t input_budget = random.between(config_.input_tokens[0], config_.input_tokens[1]);
  const int64_t target_budget = random.between(config_.target_tokens[0], config_.target_tokens[1]);
  mask_inputs(state, component, input_budget, random);
  if (!config_.overlap) leave_out_given_pixels(state);
  mask_targets(state, component, target_budget, random);
  return std::move(state.result);
}

// A sequence may use less than its part, since masked runs shrink to sentinels: grids take the rest.
void Masker::give_to_grids(State& state, const BudgetShares& shares, int64_t unused, Random& random) const {
  if (!config_.redistribute) return;
  std::vector<int64_t> spare(slots_.size(), 0);
  for (size_t i = 0; i < slots_.size(); ++i)
    if (state.grid[i]) spare[i] = state.room[i] - state.parts[i];
  const auto more = shares.split(unused, spare, random);
  for (size_t i = 0; i < slots_.size(); ++i) state.parts[i] += more[i];
}

void Masker::mask_inputs(State& state, const Component& component, int64_t budget, Random& random) const {
  auto& [data, grid, room, parts, texts, free_slots, result] = state;
  const BudgetShares shares(component.input, random);
  parts = shares.split(budget, room, random, config_.redistribute);
  int64_t unused = 0;
  for (size_t i = 0; i < slots_.size(); ++i) {
    if (!data[i] || grid[i]) continue;
    const double keep = draw_keep(component.keep[i], random);
    MaskedSequence masked = mask_sequence(slots_[i].name, *data[i], parts[i], keep, sentinels_, random);
    unused += parts[i] - static_cast<int64_t>(masked.input.positions.size());
    if (!masked.input.positions.empty()) result.inputs.push_back(std::move(masked.input));
    texts[i] = std::move(masked.target);
    room[i] = std::min(static_cast<int64_t>(texts[i].size()), slots_[i].max_tokens);  // of the decoder's positions
  }
  give_to_grids(state, shares, unused, random);
  for (size_t i = 0; i < slots_.size(); ++i) {
    if (!grid[i]) continue;
    std::vector<int64_t> order = random.permutation(room[i]);
    free_slots[i].assign(order.begin() + parts[i], order.end());
    room[i] -= parts[i];
    order.resize(parts[i]);
    if (!order.empty()) result.inputs.push_back(take(slots_[i].name, *data[i], std::move(order)));
  }
}

// Of the targets, as masked autoencoders do.
void Masker::leave_out_given_pixels(State& state) const {
  for (const TokenRun& given : state.result.inputs)
    for (const Slot& pixels : slots_)
      if (pixels.name == given.modality && pixels.kind == ModalityKind::kPixels)
        for (size_t i = 0; i < slots_.size(); ++i)
          if (slots_[i].side > 0) leave_out_covered(state.free_slots[i], slots_[i].side, given.positions, pixels.side);
  for (size_t i = 0; i < slots_.size(); ++i)
    if (state.grid[i]) state.room[i] = static_cast<int64_t>(state.free_slots[i].size());
}

void Masker::mask_targets(State& state, const Component& component, int64_t budget, Random& random) const {
  auto& [data, grid, room, parts, texts, free_slots, result] = state;
  const BudgetShares shares(component.target, random);
  parts = shares.split(budget, room, random, config_.redistribute);
  int64_t unused = 0;
  for (size_t i = 0; i < slots_.size(); ++i) {
    if (parts[i] == 0 || grid[i]) continue;
    std::vector<int64_t> text = cut_target(texts[i], parts[i], sentinels_, random);
    if (text.size() < 2) text.clear();
    unused += parts[i] - static_cast<int64_t>(text.size());
    if (!text.empty()) result.targets.push_back({slots_[i].name, std::move(text), {}, 0, {}});
  }
  give_to_grids(state, shares, unused, random);
  for (size_t i = 0; i < slots_.size(); ++i) {
    if (parts[i] == 0 || !grid[i]) continue;
    free_slots[i].resize(parts[i]);
    std::sort(free_slots[i].begin(), free_slots[i].end());  // a causal decoder sees slots in raster order
    result.targets.push_back(take(slots_[i].name, *data[i], std::move(free_slots[i])));
  }
}

}  // namespace fourm
