#include "fourm/train/phases.h"

#include <gtest/gtest.h>

#include "tests/support/message_of.h"

namespace fourm {
namespace {

class PhasesTest : public testing::Test {
 protected:
  PhasesTest() : source_(1), scope_(all_, source_) {
    for (const char* name : {"encoder_embeddings.a", "encoder.0", "head", "never"})
      scope_.parameter(name, {2}, Init::ones());
    all_.make_trainable({"encoder*", "head"});
    config_.steps = 30;
    config_.schedule = {.lr = 1, .warmup_steps = 4};
    config_.phases = {{10, {"*_embeddings.*"}, {.lr = 8, .decay = "constant"}},
                      {5, {}, {.lr = 2, .decay = "constant"}}};
  }
  std::string learning() const {
    std::string names;
    for (const auto& entry : all_.entries())
      if (entry.value.requires_grad()) names += entry.name + " ";
    return names;
  }

  SeedSource source_;
  Parameters all_;
  Scope scope_;
  TrainingConfig config_;
};

TEST_F(PhasesTest, EachHasItsTensorsAndItsRate) {
  const Phases phases(all_, config_);
  const Schedule rest(config_.schedule, 15);
  for (int64_t step = 0; step < 30; ++step) {
    EXPECT_EQ(phases.rate(step), step < 10 ? 8 : step < 15 ? 2 : rest(step - 15)) << step;
    EXPECT_EQ(phases.begins_at(step), step == 0 || step == 10 || step == 15) << step;
    phases.enter(step);
    EXPECT_EQ(learning(), step < 10 ? "encoder_embeddings.a " : "encoder_embeddings.a encoder.0 head ") << step;
  }
  EXPECT_EQ(phases.text(12), "phase 2 of 3: 6 trainable parameters");
}

// What learns in one phase alone has gradients when the run is made.
TEST_F(PhasesTest, AllThatLearnInAnyPhaseAreKnown) {
  config_.phases[0].learn = {"never", "head"};
  const Phases phases(all_, config_);
  EXPECT_EQ(learning(), "encoder_embeddings.a encoder.0 head never ");
  phases.enter(0);
  EXPECT_EQ(learning(), "head never ");
  phases.enter(29);
  EXPECT_EQ(learning(), "encoder_embeddings.a encoder.0 head ");
}

TEST_F(PhasesTest, SaysWhatDoesNotFit) {
  const auto message = [&] { return test::message_of([&] { Phases(all_, config_); }); };
  config_.phases[0].learn = {"decoder.*"};
  EXPECT_EQ(message(), "training.phases[0].learn: no tensor that is trained has a name like 'decoder.*'");
  config_.phases[1].schedule.warmup_steps = 6;
  EXPECT_NE(message().find("training.phases[1]: warmup_steps (6)"), std::string::npos) << message();
  config_.phases[1].schedule.warmup_steps = 0;
  config_.steps = 15;
  EXPECT_NE(message().find("training.phases have 15 steps, expected fewer than training.steps (15)"),
            std::string::npos);
}

}  // namespace
}  // namespace fourm
