# The labels of the tests (ctest -L LABEL); docs/testing.md says what they mean. cmake/ListTests.cmake reads this file.
# A test has one kind: `cli`, `processes`, `parity`, `learn`, or else `unit`; a slow test that would be `unit` is `slow`
# alone. `threads` is added to the kind.

set(cli_tests "^Program\\." "/Documents\\.")  # run the program as a user does

set(processes_tests "(^|/)(CheckpointWriterTest|DataParallel|DeviceProcesses|EstimateOfRanks|EvaluateInProcesses|Processes|ProcessesTest|ProcessGroup|Recovery)\\.")  # several processes

set(parity_tests  # against values computed by other code: the original, PyTorch, Pillow, Hugging Face
  "^(ForwardCase|GenerationCase|TextParity|HuggingFace)\\." "/(GradientCase|TokenizerParity)\\." "EqualsPillow$"
  "EqualThoseOfPyTorch$" "EqualTheTables$" "EqualTheOriginals?$" "LikeTheOriginal$" "TheOriginalKeeps$" "AreTheOriginals$"
  "HuggingFaceReads" "AreThoseOf(Transformers|TheOriginal)$" "EqualThoseOf(Pycocotools|Pycocoevalcap|PytorchFid)$")

set(learn_tests  # train a model, or run models over whole files and data sets
  "^(Ablation|ClipTrainingTest|FinetuningTest|PipelineTest|PretrainingTest|PretokenizeTest|RecipesTest|TokenBenchmark|TokenizerTraining|Trainer)\\."
  "^Evaluate[A-Za-z]*\\." "LearnsTo")

set(slow_tests  # more than about five seconds each, or together many
  "^Agreement\\." "/Documents\\." "^Demo\\." "^RecipesTest\\." "/Rooms\\.(AtMostThreeViews|.*/(Package|Both)$)"
  "^CheckTest\\.FindsEachFault$" "^Masking\\.HoldsForManySamples$" "^WideMixture\\.WhatIsUsed$"
  "^PretrainingTest\\.LearnsInBfloat16$" "^FinetuningTest\\.LearnsToFindObjects" "^DiffusionDecoder\\.LearnsToDecodeABatch$"
  "^GenerationScores\\.ARunGoesOn" "^EvaluateTest\\.(InputsAreNoTargets|AnImageTextModel|SamplesThatLackAModality)"
  "^Recovery\\.Kills" "^Program\\.(BenchGivesOneRecord|PrintedRecipesAreRecipes|TokenFilesAreTheSameEverywhere)")

set(threads_tests  # several threads at once, run by the tsan preset
  "^(Lazy|Log|Parallel|PipelineThreads|PrefetcherTest)\\." "^PageCache\\.ThreadsShareIt$" "^ReaderTest\\.SeveralThreads"
  "^SampleBuffer\\." "^TokenSets\\.SeveralThreads")

# Sets `result` to whether a pattern matches the name, and notes that the pattern is in use.
function(matches_one result name patterns)
  set(${result} FALSE PARENT_SCOPE)
  foreach(pattern IN LISTS ${patterns})
    if(name MATCHES "${pattern}")
      set_property(GLOBAL APPEND PROPERTY used_patterns "${pattern}")
      set(${result} TRUE PARENT_SCOPE)
    endif()
  endforeach()
endfunction()

# Sets `result` to the labels of a test, Suite.Case.
function(labels_of result name)
  matches_one(cli "${name}" cli_tests)
  matches_one(processes "${name}" processes_tests)
  matches_one(parity "${name}" parity_tests)
  matches_one(learn "${name}" learn_tests)
  matches_one(slow "${name}" slow_tests)
  matches_one(threads "${name}" threads_tests)
  set(labels)
  if(cli)
    list(APPEND labels cli)
  elseif(processes)
    list(APPEND labels processes)
  elseif(parity)
    list(APPEND labels parity)
  elseif(learn)
    list(APPEND labels learn)
  elseif(NOT slow)
    list(APPEND labels unit)
  endif()
  foreach(extra slow threads)
    if(${extra})
      list(APPEND labels ${extra})
    endif()
  endforeach()
  set(${result} "${labels}" PARENT_SCOPE)
endfunction()

# A pattern that matches nothing holds the name of a test that was renamed or removed.
function(check_patterns)
  get_property(used GLOBAL PROPERTY used_patterns)
  set(unused ${cli_tests} ${processes_tests} ${parity_tests} ${learn_tests} ${slow_tests} ${threads_tests})
  list(REMOVE_ITEM unused ${used})
  if(unused)
    message(FATAL_ERROR "tests/labels.cmake: no test matches ${unused}")
  endif()
endfunction()
