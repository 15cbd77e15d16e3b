// TensorBoard event files: a record is a length and a protobuf Event, each with a masked CRC-32C. Scalars and PNG
// images only, so the few protobuf fields are written by hand.
#pragma once

#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>

#include "fourm/core/file.h"

namespace fourm {

/// CRC-32C (Castagnoli) of the bytes.
uint32_t crc32c(std::string_view bytes);

class EventFile {
 public:
  /// Starts a new file in `folder`. Events at `first_step` and later that older files there hold are void from now on.
  EventFile(const fs::path& folder, int64_t first_step);

  void scalar(std::string_view tag, int64_t step, double value);
  /// `png` is a whole PNG file. Error when it is not one.
  void image(std::string_view tag, int64_t step, std::string_view png);
  void flush() { out_.flush(); }

 private:
  void write(const std::string& fields, int64_t step);
  fs::path path_;
  std::ofstream out_;
};

}  // namespace fourm
