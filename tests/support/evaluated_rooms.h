// A fixture of evaluations: a few rooms, and the bundled model.
#pragma once

#include <gtest/gtest.h>

#include "fourm/generate/pipeline.h"
#include "fourm/rooms/dataset.h"
#include "tests/support/temporary_folder.h"

namespace fourm::test {

class EvaluatedRooms : public testing::Test {
 protected:
  static constexpr int kRooms = 3;

  static void SetUpTestSuite() {
    temporary_ = std::make_unique<TemporaryFolder>();
    RoomOptions world;
    world.split = Split::kVal;
    folder_ = *temporary_ / "rooms";
    write_rooms(RoomMaker(world), kRooms, folder_, 1, false, 0);
    pipeline_ = std::make_unique<Pipeline>(Pipeline::open({.model = fs::path(FOURM_SOURCE_DIR) / "models/rooms-ti"}));
  }
  static void TearDownTestSuite() {
    pipeline_.reset();
    temporary_.reset();
  }

  static inline std::unique_ptr<TemporaryFolder> temporary_;
  static inline fs::path folder_;  // the data set
  static inline std::unique_ptr<Pipeline> pipeline_;
};

}  // namespace fourm::test
