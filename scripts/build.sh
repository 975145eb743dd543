#!/bin/sh
# Configures and builds one preset: build.sh PRESET [cmake options]. Build folders lie under build/, or
# under PGM_BUILD_ROOT where the source tree cannot be written to.

set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
preset=$1
shift
dir=${PGM_BUILD_ROOT:-$root/build}/$preset
cd "$root"

# Started by make, we are not part of its job control.
unset MAKEFLAGS MFLAGS MAKELEVEL

cmake --preset "$preset" -B "$dir" "$@" >/dev/null
cmake --build "$dir" --parallel "${PGM_JOBS:-$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)}"
