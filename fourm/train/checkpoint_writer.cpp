#include "fourm/train/checkpoint_writer.h"

#include <chrono>

#include "fourm/train/checkpoint.h"

namespace fourm {
namespace {

// Copies in the memory of the host.
std::vector<CheckpointFile> snapshot(const std::vector<CheckpointFile>& files) {
  std::vector<CheckpointFile> copies;
  for (const auto& file : files) {
    CheckpointFile& copy = copies.emplace_back(CheckpointFile{file.name, {}, file.metadata});
    for (const auto& [name, tensor] : file.tensors)
      copy.tensors.emplace_back(name, tensor.detach().to(at::kCPU, tensor.scalar_type(), /*non_blocking=*/false,
                                                         /*copy=*/true, at::MemoryFormat::Contiguous));
  }
  return copies;
}

}  // namespace

CheckpointWriter::CheckpointWriter(const ProcessGroup& group, RunFolder* run, const RunFolder::Keep& keep)
    : group_(group), run_(run), keep_(keep) {}

CheckpointWriter::~CheckpointWriter() { cancelled_ = true; }  // files_ waits for its thread

void CheckpointWriter::start(int64_t step, const std::vector<CheckpointFile>& files, const Json& state) {
  wait();
  folder_ = group_.all_gather(run_ ? run_->begin_checkpoint(step).string() : "")[0];
  state_ = state;
  step_ = step;
  checksums_.reset();
  const auto write = [this](const std::vector<CheckpointFile>& copies, const fs::path& folder) {
    Checksums sums;
    for (const auto& file : copies) {
      if (cancelled_) break;
      save_tensors(folder / file.name, file.tensors, file.metadata);
      sums[file.name] = checksum(folder / file.name);
    }
    return sums;
  };
  files_ = std::async(std::launch::async, write, snapshot(files), folder_);
}

void CheckpointWriter::poll() {
  if (!step_) return;
  if (!checksums_ && files_.wait_for(std::chrono::seconds(0)) == std::future_status::ready) checksums_ = files_.get();
  if (!group_.any(!checksums_)) complete();
}

void CheckpointWriter::wait() {
  if (!step_) return;
  if (!checksums_) {
    const ProcessGroup::Busy busy(group_);
    checksums_ = files_.get();
  }
  group_.barrier();
  complete();
}

void CheckpointWriter::complete() {
  const int64_t step = *step_;
  step_.reset();
  const auto all = group_.all_gather(Json(*checksums_).dump());
  if (!run_) return;
  const ProcessGroup::Busy busy(group_);
  Json sums = Json::object();
  for (const auto& text : all) sums.update(Json::parse(text));
  state_["checksums"] = sums;
  write_json(folder_ / "state.json", state_);
  newest_ = run_->complete_checkpoint(step, keep_);
}

}  // namespace fourm
