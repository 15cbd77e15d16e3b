#include "fourm/bench/record.h"

namespace fourm {

Json to_json(const BenchRecord& r) {
  Json json{{"workload", r.workload},
            {"engine", r.engine},
            {"precision", r.precision},
            {"device", r.device},
            {"size", r.size},
            {"threads", r.threads},
            {"median_s", r.median},
            {"all", r.seconds},
            {"ready_s", r.ready},
            {"first_s", r.first},
            {"samples_per_s", r.samples_per_second},
            {"memory_gib", r.memory_gib},
            {"gflop", r.gflop}};
  const auto add = [&](const std::string& name, const BenchRecord::Peak& peak) {
    json[name + "_gflops"] = peak.gflops;
    json[name + "_share"] = peak.share;
  };
  if (r.onednn) add("onednn", *r.onednn);
  add("peak", r.peak);
  return json;
}

}  // namespace fourm
