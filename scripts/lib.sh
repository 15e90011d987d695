# SPDX-License-Identifier: Apache-2.0
# Sourced by run, test and bench: install what is missing, configure, build. Needs bash and the variable `root`.
# shellcheck shell=bash

build="$root/build"

fail() { # fail MESSAGE [WAY OUT]: ends the script
    printf '%s: %s\n' "${0##*/}" "$1" >&2
    [ -z "${2:-}" ] || printf '%s: %s\n' "${0##*/}" "$2" >&2
    exit 1
}

note() { printf '\033[1m%s\033[0m\n' "$*" | if [ -t 2 ]; then cat >&2; else sed 's/\x1b\[[0-9;]*m//g' >&2; fi; }

packages() { # packages run|test|lab: the packages of scripts/packages.txt, one a line; each has those of the ones before it
    sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$root/scripts/packages.txt" | awk -v wanted="$1" '
        BEGIN { level["run"] = 1; level["test"] = 2; level["lab"] = 3 }
        { kind = "run"; if (split($1, words, ":") == 2) { kind = words[1]; $1 = words[2] } if (level[kind] <= level[wanted]) print $1 }'
}

install_missing() { # install_missing run|test|lab
    command -v dpkg-query >/dev/null || {
        command -v clang++-19 >/dev/null || fail "this is no Debian, and clang++-19 is not there" \
            "install the counterparts of scripts/packages.txt by hand"
        return 0
    }
    local wanted missing=() package
    mapfile -t wanted < <(packages "$1")
    local installed
    # It fails when one of them is unknown; what it knows is printed all the same.
    installed=$({ dpkg-query -W -f '${Package} ${db:Status-Status}\n' "${wanted[@]}" 2>/dev/null || true; } | awk '$2 == "installed" { print $1 }')
    for package in "${wanted[@]}"; do
        grep -qx -- "$package" <<<"$installed" || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0

    local as_root=()
    if [ "$(id -u)" != 0 ]; then
        if command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
            as_root=(sudo)
        else
            fail "these packages are missing, and installing them needs root: ${missing[*]}" \
                "as root, run: apt-get install --no-install-recommends ${missing[*]}"
        fi
    fi
    note "Installing ${#missing[@]} packages: ${missing[*]}"
    local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -y -q -o Dpkg::Use-Pty=0)
    "${apt[@]}" install --no-install-recommends "${missing[@]}" >&2 || {
        # The package lists may be old, or not there at all.
        "${apt[@]}" update >&2 && "${apt[@]}" install --no-install-recommends "${missing[@]}" >&2
    } || fail "apt-get could not install: ${missing[*]}" "see its messages above; is the network there, and is this Debian 12 or later?"
}

configure() { # configure PRESET: of CMakePresets.json, whose folder is $build
    if [ ! -f "$build/build.ninja" ] || [ "$root/CMakePresets.json" -nt "$build/build.ninja" ]; then
        note "Configuring in ${build}"
        local log="$build/configure.log"
        mkdir -p "$build" 2>/dev/null || fail "cannot write to $build" "give yourself the folder, or clone the repository into one of your own"
        (cd "$root" && cmake --preset "$1") >"$log" 2>&1 || {
            tail -n 30 "$log" >&2
            fail "cmake failed" "the whole output is in $log"
        }
    fi
    [ -w "$build" ] || fail "cannot write to $build" "it belongs to $(stat -c %U "$build"): remove it, or clone the repository into a folder of your own"
}

# build_targets TARGET…: with a terminal ninja shows its progress in one line; else a line every 20 commands.
build_targets() {
    local log="$build/build.log" status=0
    export NINJA_STATUS='[%f/%t, %es] '
    if [ -t 2 ]; then
        # Ninja sees the terminal itself.
        ninja -C "$build" "$@" >&2 || status=$?
    else
        ninja -C "$build" "$@" >"$log" 2>&1 &
        local ninja_pid=$! shown="" line
        trap 'kill "$ninja_pid" 2>/dev/null; exit 130' INT TERM
        while kill -0 "$ninja_pid" 2>/dev/null; do
            # Look often, so that nothing to do takes no time; speak after three seconds, so that it says nothing.
            for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
                kill -0 "$ninja_pid" 2>/dev/null || break
                sleep 0.2
            done
            kill -0 "$ninja_pid" 2>/dev/null || break
            line=$(tail -n 1 "$log" 2>/dev/null | cut -c1-120)
            case "$line" in
                "$shown" | "" | "ninja: "*) ;;
                *) printf '%s\n' "$line" >&2 ;;
            esac
            shown=$line
        done
        wait "$ninja_pid" || status=$?
        trap - INT TERM
        [ $status = 0 ] || grep -v '^\[' "$log" | tail -n 60 >&2
    fi
    [ $status = 0 ] || fail "the build failed" "the messages are above; after a repair, start this command again"
}

has_target() { ninja -C "$build" -t query "$1" >/dev/null 2>&1; }
