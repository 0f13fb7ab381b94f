# shellcheck shell=bash
# Completion for bash: `varve __complete` says what may stand there. Where it says nothing, files.

_varve() {
        # bash takes words apart at ":" and "=": here they are whole.
        local words current candidates candidate
        read -ra words <<<"${COMP_LINE:0:COMP_POINT}"
        [[ ${COMP_LINE:0:COMP_POINT} == *[[:space:]] ]] && words+=('')
        current=${words[-1]}
        mapfile -t candidates < <(varve __complete "${words[@]:1}" 2>/dev/null)
        COMPREPLY=()
        for candidate in "${candidates[@]}"; do
                # What stands before the last ":" is on the line.
                [[ $candidate == "$current"* ]] &&
                        COMPREPLY+=("${candidate#"${current%"${current##*[:=]}"}"}")
        done
}

complete -o bashdefault -o default -F _varve varve
