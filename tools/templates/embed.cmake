# embed.cmake — writes the templates of `samcl plugins new` as C strings, by file name without .in:
# cmake -DTEMPLATES=... -DOUT=... -P embed.cmake
include(${CMAKE_CURRENT_LIST_DIR}/../../cmake/as_array.cmake)

file(GLOB files RELATIVE ${TEMPLATES} ${TEMPLATES}/*.in)
list(SORT files)
set(arrays "")
set(table "")
foreach(file ${files})
  file(READ ${TEMPLATES}/${file} text)
  as_array("${text}" bytes)
  string(REGEX REPLACE "\\.in$" "" name ${file})
  string(MAKE_C_IDENTIFIER ${name} id)
  string(APPEND arrays "static const char ${id}[] = {\n${bytes}};\n\n")
  string(APPEND table "    {\"${name}\", ${id}},\n")
endforeach()
file(WRITE ${OUT} "/* Made by embed.cmake from tools/templates/. */\n#include \"plugin_folder.h\"\n\n"
  "${arrays}const plugin_template plugin_templates[] = {\n${table}};\n"
  "const size_t plugin_template_count = sizeof plugin_templates / sizeof *plugin_templates;\n")
