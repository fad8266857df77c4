# SPDX-License-Identifier: MIT
# Fetches the library from a tag, which must bring the library and nothing else. The repository is made here, of the
# source's files, because the source may be an archive.
include("${CMAKE_CURRENT_LIST_DIR}/common.cmake")
set(repository "${SCRATCH}/repository")
file(GLOB entries "${SOURCE}/*")
foreach(entry IN LISTS entries)
  string(FIND "${BUILD}/" "${entry}/" at)
  if(NOT at EQUAL 0 AND NOT entry MATCHES "/(build[^/]*|[.]git)$")
    file(COPY "${entry}" DESTINATION "${repository}")
  endif()
endforeach()

# Neither this machine's settings nor any protocol but file: may play a part.
set(ENV{GIT_CONFIG_NOSYSTEM} 1)
set(ENV{GIT_CONFIG_GLOBAL} /dev/null)
set(ENV{GIT_ALLOW_PROTOCOL} file)
set(git "${GIT}" -C "${repository}" -c user.name=tshift -c user.email=tshift@localhost)
run("git init" "${GIT}" -c init.defaultBranch=main init --quiet "${repository}")
run("git add" ${git} add --all)
run("git commit" ${git} commit --quiet --message "tshift ${VERSION}")
run("git tag" ${git} tag "v${VERSION}")

list(REMOVE_ITEM arguments -DFETCHCONTENT_FULLY_DISCONNECTED=ON)
run("configure" "${CMAKE_COMMAND}" -S "${CMAKE_CURRENT_LIST_DIR}/fetch_content" -B "${SCRATCH}/build" ${arguments}
    "${library_alone}" "-DREPOSITORY=file://${repository}" "-DTAG=v${VERSION}")
run("build" "${CMAKE_COMMAND}" --build "${SCRATCH}/build")
run("run" "${SCRATCH}/build/consumer")
nothing_of_ours_is_installed("${SCRATCH}/build")
