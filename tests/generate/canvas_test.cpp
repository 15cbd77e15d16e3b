#include "fourm/generate/canvas.h"

#include <gtest/gtest.h>

#include "tests/support/message_of.h"

namespace fourm {
namespace {

using Ids = std::vector<int64_t>;
using Flags = std::vector<bool>;

const SequenceIds kSpecial{.pad = 0, .eos = 3, .sentinels = {4, 6}};  // [S_0] to [S_5] are 4 to 9

TEST(Canvas, KnownDataIsSeenAndNotWritten) {
  Canvas canvas;
  ModalityData patches;
  patches.width = 2;
  patches.values = {1, 2, 3, 4, 5, 6};
  canvas.add_known("pixels", patches);
  EXPECT_EQ(canvas.at("pixels").known, Flags(3, true)) << "one flag a patch, not a number";
  EXPECT_EQ(canvas.at("pixels").target, Flags(3, false));
  EXPECT_EQ(canvas.find("depth"), nullptr);
  EXPECT_EQ(test::message_of([&] { canvas.at("depth"); }), "the canvas has no modality 'depth'");
  EXPECT_EQ(test::message_of([&] { canvas.add_grid("pixels", 4); }), "modality 'pixels' is on the canvas already");
  EXPECT_EQ(canvas.entries.size(), 1u);
}

TEST(Canvas, ATextIsKnownUpToItsEnd) {
  Canvas canvas;
  canvas.add_text("caption", {20, 21, 3, 0, 0}, kSpecial);
  canvas.add_text("title", {20, 21}, kSpecial);
  canvas.add_text("nothing", {}, kSpecial);
  EXPECT_EQ(canvas.at("caption").data.ids, (Ids{20, 21, 3}));
  EXPECT_EQ(canvas.at("title").data.ids, (Ids{20, 21}));
  EXPECT_TRUE(canvas.at("nothing").known.empty());
}

TEST(Canvas, AGridIsWrittenWhereItIsNotKnown) {
  Canvas canvas;
  canvas.add_grid("whole", 3);
  canvas.add_grid("part", {7, 0, 5}, {true, false, true});
  EXPECT_EQ(canvas.at("whole").data.ids, Ids(3, 0));
  EXPECT_EQ(canvas.at("whole").target, Flags(3, true));
  EXPECT_EQ(canvas.at("part").known, (Flags{true, false, true}));
  EXPECT_EQ(canvas.at("part").target, (Flags{false, true, false}));
  EXPECT_EQ(test::message_of([&] { canvas.add_grid("wrong", {1, 2}, {true}); }), "modality 'wrong': 2 ids, 1 flags");
}

TEST(Canvas, AnEmptyTextRunsFromTheFirstSentinelToTheSecond) {
  for (const int64_t slots : {2, 3, 6}) {
    Canvas canvas;
    canvas.add_empty_text("caption", slots, kSpecial);
    const auto& entry = canvas.at("caption");
    const auto n = static_cast<size_t>(slots);
    ASSERT_EQ(entry.data.ids.size(), n);
    EXPECT_EQ(entry.data.ids.front(), 5);
    EXPECT_EQ(entry.data.ids.back(), 6);
    for (size_t i = 0; i < n; ++i) {
      EXPECT_EQ(entry.known[i], i == 0);
      EXPECT_EQ(entry.target[i], i > 0);
    }
  }
  Canvas canvas;
  EXPECT_EQ(test::message_of([&] { canvas.add_empty_text("caption", 1, kSpecial); }),
            "modality 'caption': an empty text needs at least 2 slots, got 1");
}

TEST(Canvas, TheAnswerToHolesEndsWithTheSentinelAfterTheirLast) {
  Canvas canvas;
  canvas.add_text_with_holes("caption", {20, 5, 21, 6, 3}, 4, kSpecial);
  const auto& entry = canvas.at("caption");
  EXPECT_EQ(entry.data.ids, (Ids{20, 5, 21, 6, 3, 5, 0, 0, 7}));
  for (size_t i = 0; i < 9; ++i) {
    EXPECT_EQ(entry.known[i], i < 5);
    EXPECT_EQ(entry.target[i], i >= 5);
  }
  EXPECT_NE(test::message_of([&] { canvas.add_text_with_holes("a", {9}, 4, kSpecial); }).find("too many holes"),
            std::string::npos);
  EXPECT_NE(test::message_of([&] { canvas.add_text_with_holes("a", {5}, 1, kSpecial); }).find("at least 2 slots"),
            std::string::npos);
}

}  // namespace
}  // namespace fourm
