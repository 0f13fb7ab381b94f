#!/bin/sh
# image.sh PROGRAM IMAGE ASSEMBLY: writes the stripped program, and assembly that includes it.
set -eu
strip -o "$2" "$1"
cat >"$3" <<END
        .section .rodata
        .balign 16
        .global sandbox_image, sandbox_image_size
        .hidden sandbox_image, sandbox_image_size
sandbox_image:
        .incbin "$(realpath "$2")"
1:
        .balign 8
sandbox_image_size:
        .quad 1b - sandbox_image
        .section .note.GNU-stack, "", %progbits
END
