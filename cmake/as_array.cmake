# Compilers promise string literals of 4095 bytes only, so a text becomes an array of characters.
function(as_array text out)
  string(HEX "${text}" hex)
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
  string(REGEX REPLACE "(................................................................................)"
                       "\\1\n" bytes "${bytes}")
  set(${out} "${bytes}0x00" PARENT_SCOPE)
endfunction()
