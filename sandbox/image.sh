#!/bin/sh
# image.sh PROGRAM IMAGE ASSEMBLY: writes the stripped program, and assembly that includes it.
set -eu
strip -o "$2" "$1"
cat >"$3" <<END
        .section .rodata
        .balign 16
        .global sandbox_image, sandbox_image_end
        .hidden sandbox_image, sandbox_image_end
sandbox_image:
        .incbin "$(realpath "$2")"
sandbox_image_end:
        .section .note.GNU-stack, "", %progbits
END
