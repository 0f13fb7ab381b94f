#include "confirm.h"

#include <stdio.h>
#include <unistd.h>

bool confirm(const char *warning)
{
        char answer[16] = "";

        if (!isatty(STDIN_FILENO))
                return true;
        printf("WARNING! %s\nAre you sure you want to continue? [y/N] ", warning);
        fflush(stdout);
        return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}
