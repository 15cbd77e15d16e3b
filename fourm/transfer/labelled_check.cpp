#include <algorithm>
#include <mutex>

#include "fourm/core/parallel.h"
#include "fourm/transfer/labelled_set.h"

namespace fourm {

CheckReport check_labelled(const LabelledData& data, Task task, int threads, ObjectMasks masks) {
  CheckReport result;
  const LabelledSet set = LabelledSet::open(data, task, {}, &result.faults, masks);
  result.samples = set.size();
  result.files = set.size() * (task == Task::kSemseg || task == Task::kDepth ? 2 : 1);
  std::mutex mutex;
  std::vector<bool> seen(set.classes().size());
  parallel_for(
      set.size(),
      [&](int64_t i) {
        try {
          const LabelledSample sample = set.load(i);
          const std::scoped_lock lock(mutex);
          if (sample.label >= 0) seen[sample.label] = true;
          for (const auto& object : sample.objects) seen[object.label] = true;
          if (task == Task::kSemseg)
            for (const uint8_t label : std::get<Image>(*sample.map).pixels)
              if (label != kNoLabel) seen[label] = true;
        } catch (const Error& error) {
          const std::scoped_lock lock(mutex);
          const std::string text = error.what(), file = set.origin(i);
          const bool named = text.starts_with(file + ": ");
          result.faults.push_back({named ? file : text.substr(0, text.find(": ")), "",
                                   text.substr(std::min(text.size(), text.find(": ") + 2)), ""});
        }
      },
      threads);
  std::sort(result.faults.begin(), result.faults.end(),
            [](const Fault& a, const Fault& b) { return a.text() < b.text(); });
  for (size_t c = 0; c < seen.size(); ++c)
    if (!seen[c]) result.warnings.push_back({data.path, "", "no sample has the class " + set.classes()[c], ""});
  return result;
}

}  // namespace fourm
