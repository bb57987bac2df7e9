# embed.cmake — writes the kernel sources as C strings, and a hash of them and of the code that
# launches them: cmake -DKERNELS=... -DCLBLAST=... -DOUT=... -P embed.cmake
# A line `#include "file.cl"` is replaced by that file.

function(read_kernel path out)
  file(READ ${KERNELS}/${path} text)
  while(text MATCHES "#include \"([^\"]+)\"")
    file(READ ${KERNELS}/${CMAKE_MATCH_1} included)
    string(REPLACE "#include \"${CMAKE_MATCH_1}\"" "${included}" text "${text}")
  endwhile()
  set(${out} "${text}" PARENT_SCOPE)
endfunction()

include(${CMAKE_CURRENT_LIST_DIR}/../../cmake/as_array.cmake)

file(GLOB_RECURSE files RELATIVE ${KERNELS} ${KERNELS}/*.cl)
list(SORT files)
set(arrays "")
set(table "")
foreach(file ${files})
  read_kernel(${file} text)
  as_array("${text}" bytes)
  string(REGEX REPLACE "\\.cl$" "" name ${file})
  if(name STREQUAL "common")
    string(APPEND arrays "const char cl_common_source[] = {\n${bytes}};\n\n")
  else()
    string(MAKE_C_IDENTIFIER ${name} id)
    string(APPEND arrays "static const char ${id}[] = {\n${bytes}};\n\n")
    string(APPEND table "    {\"${name}\", ${id}},\n")
  endif()
endforeach()
file(GLOB code ${KERNELS}/../*.c ${KERNELS}/../*.h)
list(SORT code)
set(hashes "")
foreach(file ${code})
  file(SHA256 ${file} hash)
  string(APPEND hashes ${hash})
endforeach()
string(SHA256 hash "${arrays}${table}${hashes}")

file(WRITE ${OUT} "/* Made by embed.cmake from kernels/. */\n#include \"opencl/kernels.h\"\n\n"
  "${arrays}const cl_source cl_sources[] = {\n${table}};\n"
  "const size_t cl_source_count = sizeof cl_sources / sizeof *cl_sources;\n"
  "const char cl_code_text[] = \"${hash}, CLBlast ${CLBLAST}\";\n")
