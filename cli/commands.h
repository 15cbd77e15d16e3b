// One function for each command: it adds the subcommand, its options and its callback.
#pragma once

#include <CLI/CLI.hpp>

namespace fourm {

void add_ablate(CLI::App& program);
void add_bench(CLI::App& program);
void add_clip(CLI::App& program);
void add_config(CLI::App& program);
void add_data(CLI::App& program);
void add_demo(CLI::App& program);
void add_eval(CLI::App& program);
void add_finetune(CLI::App& program);
void add_generate(CLI::App& program);
void add_inspect(CLI::App& program);
void add_launch(CLI::App& program);
void add_monitor(CLI::App& program);
void add_predict(CLI::App& program);
void add_pretrain(CLI::App& program);
void add_probe(CLI::App& program);
void add_replay(CLI::App& program);
void add_report(CLI::App& program);
void add_rooms(CLI::App& program);
void add_search(CLI::App& program);
void add_tokenize(CLI::App& program);
void add_tokenizer(CLI::App& program);
void add_transfer_benchmark(CLI::App& program);
void add_vocab(CLI::App& program);

}  // namespace fourm
