# SPDX-License-Identifier: Apache-2.0
# Completions of opendext for bash: commands and options are those that --help of the running installation lists.

_opendext() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} program=${COMP_WORDS[0]}
    local i command='' subcommand='' help choices
    for ((i = 1; i < COMP_CWORD; ++i)); do
        case ${COMP_WORDS[i]} in
            --realm) ((++i)) ;;
            -*) ;;
            *)
                command=${COMP_WORDS[i]}
                break
                ;;
        esac
    done
    help=$("$program" ${command:+"$command"} --help 2>/dev/null) || return
    # A command with commands of its own: opendext serial add.
    if [[ -n $command ]] && choices=$(sed -n '/^Commands:/,/^$/s/^  \([a-z][^ ]*\).*/\1/p' <<<"$help") && [[ -n $choices ]]; then
        for ((++i; i < COMP_CWORD; ++i)); do
            if grep -qxF -- "${COMP_WORDS[i]}" <<<"$choices"; then
                subcommand=${COMP_WORDS[i]}
                break
            fi
        done
        if [[ -z $subcommand && $word != -* ]]; then
            mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$word")
            return
        fi
        if [[ -n $subcommand ]]; then
            help=$("$program" "$command" "$subcommand" --help 2>/dev/null) || return
        fi
    fi
    if [[ $before == --family ]]; then
        choices=$(sed -n '/^families:/,/^$/s/^  \([^ ]*\).*/\1/p' <<<"$help")
    elif [[ $before == --ignore ]]; then
        choices=$(sed -n '/^rules/,/^$/s/^  \([^ ]*\).*/\1/p' <<<"$help")
    elif [[ $word == -* ]]; then
        choices=$(sed -n '/^options:/,/^$/p' <<<"$help" | grep -oE -- '(^|[ ,])--?[a-z][a-z-]*' | tr -d ' ,')
    elif [[ -z $command ]]; then
        choices=$(sed -n '/ommands/,/^$/s/^  \([a-z][^ ]*\).*/\1/p' <<<"$help")
    else
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        compopt -o filenames
        return
    fi
    mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$word")
}
complete -F _opendext opendext
