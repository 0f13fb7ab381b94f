#!/bin/sh
# image.sh NAME PROGRAM IMAGE ASSEMBLY: writes the stripped program, and assembly that includes it as
# NAME and NAME_size.
set -eu
strip -o "$3" "$2"
cat >"$4" <<END
        .section .rodata
        .balign 16
        .global $1, $1_size
        .hidden $1, $1_size
$1:
        .incbin "$(realpath "$3")"
1:
        .balign 8
$1_size:
        .quad 1b - $1
        .section .note.GNU-stack, "", %progbits
END
