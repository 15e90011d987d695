#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Starts the driver in a throw-away realm, which needs no root and no hardware, and lets the client program call it.
#
#   Tests/test.sh                          builds everything first, then tests it
#   Tests/test.sh OPENDEXT BUNDLE CLIENT   what ctest runs
set -euo pipefail

if [ $# -eq 0 ]; then
    project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
    # OpenDext brings clang; without a compiler called c++ the client is built with that.
    command -v c++ >/dev/null || export CXX="${CXX:-clang++-19}"
    cmake -S "$project" -B "$project/build"
    cmake --build "$project/build"
    exec ctest --test-dir "$project/build" --output-on-failure
fi

opendext=$1 bundle=$2 client=$3
export OPENDEXT_REALM
OPENDEXT_REALM=$(mktemp -d)
trap '"$opendext" stop; rm -rf "$OPENDEXT_REALM"' EXIT

"$opendext" install "$bundle"
if ! answer=$("$client"); then
    echo "the client failed; the driver's log:" >&2
    "$opendext" logs >&2
    exit 1
fi
echo "$answer"
expected=$(cat "$(dirname "${BASH_SOURCE[0]}")/expected.txt")
if [ "$answer" != "$expected" ]; then
    echo "expected: $expected" >&2
    exit 1
fi
