# Completion for fish: `varve __complete` says what may stand there. Where it says nothing, files.

function __varve_complete
    set -l words (commandline -opc) (commandline -ct)
    varve __complete $words[2..-1] 2>/dev/null
end

complete -c varve -n '__varve_complete | string length -q' -f -a '(__varve_complete)'
