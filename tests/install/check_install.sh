#!/bin/sh
# Installs the build and uses it as others would: the library and the example plugin, each through
# pkg-config and through CMake, and what is exported.
# usage: check_install.sh SOURCE BUILD LIBDIR VERSION    (CC and CFLAGS as of the build)
set -eu
source=$1 build=$2 version=$4
work=$build/tests/install
prefix=$work/prefix libdir=$work/prefix/$3
plugins=$libdir/samcl/plugins

fail()
{
    echo "check_install.sh: $*" >&2
    exit 1
}

rm -rf "$work"
mkdir -p "$work"
export PKG_CONFIG_PATH="$libdir/pkgconfig" LD_LIBRARY_PATH="$libdir"
export LDFLAGS="${CFLAGS-}"

cmake --install "$build" --prefix "$prefix" >"$work/installed"
[ "$(pkg-config --modversion samcl)" = "$version" ] || fail "samcl.pc is not of version $version"

# The library.
$CC $CFLAGS "$source/tests/install/version.c" $(pkg-config --cflags --libs samcl) -o "$work/version"
[ "$("$work/version")" = "$version" ] || fail "built by pkg-config, scl_version() is not $version"
cmake -S "$source/tests/install" -B "$work/library" -DCMAKE_PREFIX_PATH="$prefix" >"$work/log"
cmake --build "$work/library" >>"$work/log"
[ "$("$work/library/version")" = "$version" ] || fail "built by CMake, scl_version() is not $version"

# The example plugin; one that is installed is found among samcl's own.
mkdir "$work/make"
cp "$source/docs/example_plugin/log_cosh_dice.c" "$source/docs/example_plugin/Makefile" "$work/make"
make -s -C "$work/make" CC="$CC"
cmake -S "$source/docs/example_plugin" -B "$work/cmake" -DCMAKE_PREFIX_PATH="$prefix" >>"$work/log"
cmake --build "$work/cmake" >>"$work/log"
for folder in make cmake; do
    [ "$(SAMCL_PLUGIN_PATH=$work/$folder "$build/tests/plugin_driver" loss log_cosh_dice)" = \
      "log_cosh_dice $work/$folder/log_cosh_dice.so" ] || fail "the plugin in $work/$folder does not open"
done
make -s -C "$work/make" install
rm "$work/make/log_cosh_dice.so"
[ "$(SAMCL_PLUGIN_PATH=$plugins "$build/tests/plugin_driver" loss log_cosh_dice)" = \
  "log_cosh_dice $plugins/log_cosh_dice.so" ] || fail "the plugin was not installed to $plugins by make"
rm "$plugins/log_cosh_dice.so"
cmake --install "$work/cmake" >>"$work/log"
SAMCL_PLUGIN_PATH=$plugins "$build/tests/plugin_driver" loss log_cosh_dice >"$work/opened"
SAMCL_PLUGIN_PATH=$plugins "$build/tests/plugin_driver" adapter lora >>"$work/opened"
[ "$(cat "$work/opened")" = "log_cosh_dice $plugins/log_cosh_dice.so
lora $plugins/lora.so" ] || fail "the installed plugins do not open"

# Plugins that `samcl plugins new` began, by the headers of the samcl that did and by pkg-config's.
for kind in loss adapter; do
    "$prefix/bin/samcl" plugins new $kind fresh_$kind --out "$work" >>"$work/log"
    folder=$work/fresh_$kind
    grep -qx "HEADERS = $prefix/include" "$folder/Makefile" || fail "not the headers of $prefix"
    for headers in "$prefix/include" /nowhere; do
        make -s -B -C "$folder" CC="$CC" HEADERS="$headers"
        [ "$("$build/tests/plugin_driver" $kind "$folder/fresh_$kind.so")" = \
          "fresh_$kind $folder/fresh_$kind.so" ] || fail "what make built in $folder does not open"
    done
    cmake -S "$folder" -B "$folder/build" -DCMAKE_PREFIX_PATH="$prefix" >>"$work/log"
    cmake --build "$folder/build" >>"$work/log"
    "$build/tests/plugin_driver" $kind "$folder/build/fresh_$kind.so" >>"$work/log" ||
        fail "what CMake built in $folder does not open"
done

# What is exported: the library's public functions, and the one function of a plugin.
for symbol in $(nm -D --defined-only "$libdir/libsamcl.so" | awk '$2 ~ /[TDBRVW]/ { print $3 }'); do
    grep -q "SCL_API .*[ *]$symbol(" "$prefix/include/samcl/samcl.h" ||
        fail "libsamcl.so exports $symbol, which samcl.h does not declare"
done
for plugin in "$plugins"/*.so; do
    [ "$(nm -D --defined-only "$plugin" | awk '$2 == "T" { print $3 }')" = scl_plugin_entry_v1 ] ||
        fail "$plugin exports more or less than scl_plugin_entry_v1"
done
