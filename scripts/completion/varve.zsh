#compdef varve
# Completion for zsh: `varve __complete` says what may stand there. Where it says nothing, files.

_varve() {
        local -a candidates
        candidates=("${(@f)$(varve __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
        if [[ -n ${candidates[1]} ]]; then
                compadd -- "${candidates[@]}"
        else
                _files
        fi
}

_varve "$@"
