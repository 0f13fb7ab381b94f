# Completion for fish: `varve __complete` says what may stand there, besides files.

function __varve_complete
    set -l words (commandline -opc) (commandline -ct)
    varve __complete $words[2..-1] 2>/dev/null
end

complete -c varve -a '(__varve_complete)'
