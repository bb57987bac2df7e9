# embed_source.cmake — writes an OpenCL source as a header, `static const char NAME_cl[]`, for the
# plugin that brings it: cmake -DIN=NAME.cl -DOUT=NAME_cl.h -P embed_source.cmake
include(${CMAKE_CURRENT_LIST_DIR}/as_array.cmake)
get_filename_component(name ${IN} NAME_WE)
file(READ ${IN} text)
as_array("${text}" bytes)
file(WRITE ${OUT} "/* Made of ${name}.cl. */\nstatic const char ${name}_cl[] = {\n${bytes}};\n")
