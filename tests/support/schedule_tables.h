// Tables of the original: schedules, expanded plans, filters and modality ids (fixture: transformer/schedules.json).
#pragma once

#include "fourm/core/json.h"
#include "tests/support/fixtures.h"

namespace fourm::test {

inline std::filesystem::path tables_file() { return fixture_root() / "transformer" / "schedules.json"; }

inline const Json& tables() {
  static const Json json = read_json(tables_file());
  return json;
}

}  // namespace fourm::test

#define FOURM_NEEDS_TABLES FOURM_NEEDS(test::tables_file())
