# cmake -P: installs BUILD into FOLDER, builds the example of SOURCE against it and runs both programs on tiny
# data.
set(prefix ${FOLDER}/prefix)
file(REMOVE_RECURSE ${FOLDER})

# expect(WHAT PATTERN COMMAND ...): COMMAND ends well, and what it prints matches PATTERN.
function(expect what pattern)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE code OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT code EQUAL 0 OR NOT output MATCHES "${pattern}")
    message(FATAL_ERROR "${what}: exit code ${code}, expected 0 and '${pattern}':\n${output}")
  endif()
endfunction()

expect("install" "" ${CMAKE_COMMAND} --install ${BUILD} --prefix ${prefix})
foreach(file IN ITEMS bin/fluxsbi bin/fluxsbi-network include/fluxsbi/fluxsbi.hpp
  include/fluxsbi/core/version.hpp
        ${LIBDIR}/cmake/fluxsbi/fluxsbiConfig.cmake share/fluxsbi/published.csv share/fluxsbi/c2st_forest.py)
  if(NOT EXISTS ${prefix}/${file})
    message(FATAL_ERROR "install: ${file} is missing")
  endif()
endforeach()

# One source for the texts: every command stands in each of them.
foreach(text IN ITEMS share/man/man1/fluxsbi.1 share/bash-completion/completions/fluxsbi
  share/zsh/site-functions/_fluxsbi
        share/fish/vendor_completions.d/fluxsbi.fish)
  file(READ ${prefix}/${text} content)
  foreach(word IN ITEMS simulate train resume sample merge c2st plot report info recommend import bench
  benchmark count workers)
    if(NOT content MATCHES "${word}")
      message(FATAL_ERROR "${text}: does not name ${word}")
    endif()
  endforeach()
endforeach()
find_program(bash bash)
if(bash)
  set(completions "source ${prefix}/share/bash-completion/completions/fluxsbi")
  expect("bash completes a command" "simulate" ${bash} -c
    "${completions} && COMP_WORDS=(fluxsbi sim) && COMP_CWORD=1 && _fluxsbi && echo \${COMPREPLY[*]}")
  expect("bash completes an option" "^--workers\n$" ${bash} -c
    "${completions} && COMP_WORDS=(fluxsbi simulate --wo) COMP_CWORD=2 && _fluxsbi && echo \${COMPREPLY[*]}")
endif()

expect("the installed program" "wrote" ${prefix}/bin/fluxsbi simulate two_moons -n 200
  -o ${FOLDER}/simulations.npz)

# fluxsbi starts without LibTorch, and says what it lacks where fluxsbi-network is not beside it.
file(COPY ${prefix}/bin/fluxsbi DESTINATION ${FOLDER}/alone)
file(STRINGS ${FOLDER}/alone/fluxsbi torch REGEX "libtorch")
if(torch)
  message(FATAL_ERROR "fluxsbi links LibTorch, which takes most of a second to load: ${torch}")
endif()
expect("simulate needs no network" "wrote" ${FOLDER}/alone/fluxsbi simulate two_moons -n 20
  -o ${FOLDER}/alone/few.npz)
expect("help needs no network" "recommend" ${FOLDER}/alone/fluxsbi --help)
execute_process(COMMAND ${FOLDER}/alone/fluxsbi info RESULT_VARIABLE code OUTPUT_VARIABLE output
  ERROR_VARIABLE output)
if(NOT code EQUAL 1 OR NOT output MATCHES
  "alone/fluxsbi-network cannot be started .*it belongs beside fluxsbi")
  message(FATAL_ERROR
    "fluxsbi alone: exit code ${code}, expected 1 and a message on fluxsbi-network:\n${output}")
endif()

expect("configure the example" "" ${CMAKE_COMMAND} -S ${SOURCE}/examples/train_and_sample -B ${FOLDER}/example
  -G ${GENERATOR}
  -DCMAKE_PREFIX_PATH=${prefix} -DCMAKE_CXX_COMPILER=${COMPILER})
expect("build the example" "" ${CMAKE_COMMAND} --build ${FOLDER}/example)
set(run ${FOLDER}/run)
expect("the example" "theta 0: -?[0-9.]+ \\+- [0-9.]+\ntheta 1: -?[0-9.]+ \\+- [0-9.]+\n"
  ${FOLDER}/example/train_and_sample
  ${FOLDER}/simulations.npz ${run} training.nsteps=3 training.batch_size=16 training.val_every=3)
# A run is the same whoever made it.
expect("the program samples the example's model" "200 x 5 samples" ${prefix}/bin/fluxsbi sample ${run}
  --x ${FOLDER}/simulations.npz -n 5 --steps 2 --solver euler --no-reject -o ${FOLDER}/samples.npz)

# These need no network.
file(WRITE ${FOLDER}/own.yaml "data: {task: two_moons}\nmodel: {depth: 2}\n")
expect("simulate by a config" "wrote" ${FOLDER}/alone/fluxsbi simulate --config ${FOLDER}/own.yaml -n 20
  -o ${FOLDER}/own.npz)
# So few simulations train two members.
expect("info on a run" "ensemble +2 members.*parameters" ${FOLDER}/alone/fluxsbi info ${run})
expect("info on a member" "last checkpoint +step 3\n.*parameters" ${FOLDER}/alone/fluxsbi info
  ${run}/members/1)
expect("info on a file" "theta" ${FOLDER}/alone/fluxsbi info ${FOLDER}/own.npz)
expect("info's help" "config-reference" ${FOLDER}/alone/fluxsbi info --help)
expect("merge" "wrote .* from 1 shards" ${FOLDER}/alone/fluxsbi merge ${FOLDER}/samples.npz
  -o ${FOLDER}/merged.npz)
execute_process(COMMAND ${CMAKE_COMMAND} -S ${SOURCE}/examples/train_and_sample -B ${FOLDER}/without
  -G ${GENERATOR}
  -DCMAKE_PREFIX_PATH=${prefix} -DCMAKE_CXX_COMPILER=${COMPILER} -DFLUXSBI_TORCH_ROOT=${FOLDER}/nowhere
  RESULT_VARIABLE code OUTPUT_VARIABLE output ERROR_VARIABLE output)
if(code EQUAL 0 OR NOT output MATCHES "FLUXSBI_TORCH_ROOT")
  message(FATAL_ERROR
    "a LibTorch that is not there: exit code ${code}, expected a message that names it:\n${output}")
endif()
