// fourm: the command line program. Exit codes: 0 done, 1 the request failed (one line says why), 2 wrong usage.
#include <cstdio>
#include <cstdlib>
#include <new>

#include "cli/verbs.h"
#include "fourm/core/error.h"
#include "fourm/core/log.h"
#include "fourm/core/memory.h"

namespace {

// Threads that wait for work sleep, unless the user says otherwise. By default OpenMP's spin: on a machine that has other
// work, or in a container with less than its processors, that makes two threads many times slower than one. OpenMP reads
// its variables as its library is loaded, so they are set before the constructors of libraries run.
void let_threads_sleep(int, char**, char**) { ::setenv("OMP_WAIT_POLICY", "passive", /*overwrite=*/0); }
__attribute__((section(".preinit_array"), used)) void (*const before_libraries)(int, char**,
                                                                                char**) = let_threads_sleep;

int failed(int code, std::string message) {
  message.resize(std::min(message.find('\n'), message.size()));
  std::fprintf(stderr, "fourm: %s\n", message.c_str());
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  fourm::keep_freed_memory();
  CLI::App program{
      "4M, massively multimodal masked modeling: one Transformer that reads and writes pictures, depth, "
      "normals, semantic maps, boxes and text."};
  program.set_version_flag("--version", "fourm " FOURM_VERSION);
  program.require_subcommand(1);
  program.add_flag_callback(
      "--quiet", [] { fourm::set_quiet(true); }, "no notes and no progress on stderr");
  program.footer("fourm VERB --help explains a verb.");
  fourm::add_data(program);
  fourm::add_bench(program);
  fourm::add_clip(program);
  fourm::add_demo(program);
  fourm::add_eval(program);
  fourm::add_generate(program);
  fourm::add_inspect(program);
  fourm::add_pretrain(program);
  fourm::add_replay(program);
  fourm::add_rooms(program);
  fourm::add_tokenize(program);
  fourm::add_tokenizer(program);
  fourm::add_vocab(program);
  try {
    program.parse(argc, argv);
    return 0;
  } catch (const CLI::Success& answer) {
    return program.exit(answer);
  } catch (const CLI::ParseError& error) {
    program.exit(error);
    return 2;
  } catch (const fourm::UsageError& error) {
    return failed(2, error.what());
  } catch (const std::bad_alloc&) {
    return failed(1, "not enough memory for this request");
  } catch (const std::exception& error) {
    return failed(1, error.what());
  }
}
