/*
 * The program of the private network: a process outside of the sandbox, but of nobody's trust.
 *
 * It is executed from memory when the sandbox has sent its first frame (init/network.c), with an
 * address space, an environment and descriptors that hold nothing of the caller's. It makes its
 * stack, confines itself, and then only passes frames.
 */
#include "jail.h"
#include "network_program.h"
#include "stack.h"

#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>

int main(int argc, char **argv)
{
        struct stack *stack;
        int r;

        if (argc < 2)
                return 0;
        prctl(PR_SET_NAME, "varve-network");
        signal(SIGPIPE, SIG_IGN);
        if (fcntl(PROGRAM_LINK_FD, F_SETFL, O_RDWR | O_NONBLOCK) < 0 ||
            stack_new(PROGRAM_LINK_FD, PROGRAM_LIFELINE_FD, &stack) < 0)
                return PROGRAM_CANNOT_START;
        for (int i = 2; i < argc; i++)
                if (stack_listen(stack, argv[i]) < 0)
                        return PROGRAM_PORT_TAKEN;
        if (jail_enter(argv[1]) < 0)
                return PROGRAM_CANNOT_CONFINE;
        r = stack_run(stack);
        stack_free(stack);
        return r < 0 ? PROGRAM_LINK_FAILED : 0;
}
