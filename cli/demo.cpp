#include <iostream>

#include "cli/bundled.h"
#include "cli/commands.h"
#include "cli/config_options.h"
#include "cli/text_tokenizer.h"
#include "fourm/clip/image_text.h"
#include "fourm/core/error.h"
#include "fourm/core/json.h"
#include "fourm/core/log.h"
#include "fourm/demo/demo.h"

namespace fourm {

void add_demo(CLI::App& program) {
  struct Options {
    std::string model, out = "out/demo";
    DemoOptions demo;
    ComputeConfig compute;
    bool json = false;
  };
  auto o = std::make_shared<Options>();
  auto* command = program.add_subcommand("demo", "Show what the bundled model does, as an image and a web page");
  command->add_option("--model", o->model, "model folder; default: the bundled models/rooms-ti")
      ->transform(model_path());
  add_config_options(*command, o->demo);
  command
      ->add_option_function<int64_t>(
          "--paintings",
          [o](int64_t count) {
            warn("--paintings is now --generations");
            o->demo.generations = count;
          },
          "the old name of --generations")
      ->check(CLI::Range(0, 64))
      ->group("");
  add_config_options(*command, o->compute, "", "Engine");
  command->add_option("--out", o->out, "folder for gallery.png and index.html")->capture_default_str();
  command->add_flag("--json", o->json, "machine-readable");
  command->footer("Examples:\n  fourm demo\n  fourm demo --image kitchen.jpg --out gallery");
  command->callback([o] {
    const Stopwatch watch;
    check_writable_folder(o->out);
    const fs::path model = o->model.empty() ? bundled_model() : fs::path(o->model);
    if (o->demo.image_text.empty()) o->demo.image_text = image_text_of(model).string();
    const Pipeline pipeline = Pipeline::open({model, {}, text_tokenizer_for(model, ""), {}}, o->compute);
    std::optional<Pipeline> super_resolution;
    if (const fs::path second = folder_of_model(model) / "superres"; fs::exists(second))
      super_resolution =
          Pipeline::open({second, {}, text_tokenizer_for_second_stage(second, model, ""), {}}, o->compute);
    write_gallery(o->out, demo(pipeline, o->demo, super_resolution ? &*super_resolution : nullptr));
    const fs::path image = fs::path(o->out) / "gallery.png", page = fs::path(o->out) / "index.html";
    if (o->json)
      std::cout << json_text({{"image", image.string()}, {"page", page.string()}, {"seconds", watch.seconds()}})
                << "\n";
    else
      std::cout << image.string() << "\n" << page.string() << "\n";
  });
}

}  // namespace fourm
