#include "fourm/text/sentinel.h"

#include <map>

#include "fourm/core/error.h"

namespace fourm {

SpanMasked mask_spans(const std::vector<int64_t>& ids, const std::vector<bool>& keep, SentinelRange sentinels) {
  check(ids.size() == keep.size(), "span masking: ", ids.size(), " ids but ", keep.size(), " keep flags");
  check(sentinels.count >= 3, "span masking needs at least 3 sentinels, the vocabulary has ", sentinels.count);
  size_t masked_end = ids.size();
  while (masked_end > 0 && keep[masked_end - 1]) --masked_end;

  SpanMasked out;
  const int64_t last_run = sentinels.count - 2;  // one sentinel more closes the target
  int64_t run = 0;
  for (size_t i = 0; i < ids.size(); ++i) {
    const bool continues = run == last_run && i < masked_end;
    if (keep[i] && !continues) {
      out.input.push_back(ids[i]);
      continue;
    }
    if (!continues && (i == 0 || keep[i - 1])) {
      ++run;
      out.input.push_back(sentinels.first + run);
      out.target.push_back(sentinels.first + run);
    }
    out.target.push_back(ids[i]);
  }
  out.target.push_back(sentinels.first + run + 1);
  return out;
}

std::vector<int64_t> merge_spans(const std::vector<int64_t>& input, const std::vector<int64_t>& output,
                                 SentinelRange sentinels) {
  std::map<int64_t, std::vector<int64_t>> runs;
  std::vector<int64_t>* run = nullptr;
  for (const int64_t id : output) {
    if (sentinels.contains(id))
      run = &runs[id];
    else if (run)
      run->push_back(id);
  }
  std::vector<int64_t> merged;
  for (const int64_t id : input) {
    if (!sentinels.contains(id))
      merged.push_back(id);
    else if (const auto found = runs.find(id); found != runs.end())
      merged.insert(merged.end(), found->second.begin(), found->second.end());
  }
  return merged;
}

std::vector<int64_t> cut_target(const std::vector<int64_t>& target, int64_t budget, SentinelRange sentinels,
                                Random& random) {
  const auto size = static_cast<int64_t>(target.size());
  if (size <= budget) return target;
  if (budget <= 0) return {};
  std::vector<int64_t> starts;
  for (int64_t i = 0; i < size; ++i)
    if (sentinels.contains(target[i])) starts.push_back(i);
  check(!starts.empty(), "a span-masking target holds no sentinel");
  const int64_t start = starts[starts.size() == 1 ? 0 : random.below(static_cast<int64_t>(starts.size()) - 1)];
  if (size - start >= budget) return {target.begin() + start, target.begin() + start + budget};
  for (const int64_t s : starts)
    if (size - s <= budget) return {target.begin() + s, target.end()};
  return {};
}

}  // namespace fourm
