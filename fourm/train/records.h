// The records in metrics.jsonl of a run folder (train/run.h).
#pragma once

#include <string_view>
#include <vector>

#include "fourm/core/file.h"
#include "fourm/core/json.h"

namespace fourm {

struct Record {
  int64_t step;
  std::string kind;  ///< "train" or "eval"
  Json values;       ///< name -> number, or null where it was not finite
};

/// The records of a metrics.jsonl, in the order of its lines. Lines that are no records are ignored: a run that was killed
/// leaves a cut last line.
std::vector<Record> parse_records(std::string_view metrics_jsonl);
/// Those of a file; none where it does not exist.
std::vector<Record> read_records(const fs::path& metrics_jsonl);
/// The line of a record, without the end of line.
std::string line_of(const Record& record);

}  // namespace fourm
