#include "dockerfile/value.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* As the kernel numbers them; glibc keeps some of them for itself. */
#define SIGNAL_RT_MIN 34
#define SIGNAL_RT_MAX 64
/* How far a name may go from either end: RTMIN+15, RTMAX-14. */
#define SIGNAL_RT_MIN_STEPS 15
#define SIGNAL_RT_MAX_STEPS 14

static const struct {
        const char *name;
        int number;
} signals[] = {
        { "ABRT", SIGABRT }, { "ALRM", SIGALRM }, { "BUS", SIGBUS },       { "CHLD", SIGCHLD },
        { "CLD", SIGCHLD },  { "CONT", SIGCONT }, { "FPE", SIGFPE },       { "HUP", SIGHUP },
        { "ILL", SIGILL },   { "INT", SIGINT },   { "IO", SIGIO },         { "IOT", SIGABRT },
        { "KILL", SIGKILL }, { "PIPE", SIGPIPE }, { "POLL", SIGIO },       { "PROF", SIGPROF },
        { "PWR", SIGPWR },   { "QUIT", SIGQUIT }, { "SEGV", SIGSEGV },     { "STKFLT", SIGSTKFLT },
        { "STOP", SIGSTOP }, { "SYS", SIGSYS },   { "TERM", SIGTERM },     { "TRAP", SIGTRAP },
        { "TSTP", SIGTSTP }, { "TTIN", SIGTTIN }, { "TTOU", SIGTTOU },     { "URG", SIGURG },
        { "USR1", SIGUSR1 }, { "USR2", SIGUSR2 }, { "VTALRM", SIGVTALRM }, { "WINCH", SIGWINCH },
        { "XCPU", SIGXCPU }, { "XFSZ", SIGXFSZ },
};

/* "" or a step from `base` such as "+3", without leading zeros, in the direction of `sign`. */
static int signal_parse_step(const char *text, char sign, uint64_t max, int base, int *ret)
{
        uint64_t step = 0;

        if (*text &&
            (*text != sign || text[1] == '0' || value_parse_number(text + 1, 10, max, &step) < 0))
                return -EINVAL;
        *ret = sign == '+' ? base + (int)step : base - (int)step;
        return 0;
}

int value_parse_signal(const char *text, int *ret)
{
        const char *digits = text + (*text == '-' || *text == '+');
        uint64_t number;

        if (value_parse_number(digits, 10, INT_MAX, &number) == 0) {
                if (number == 0)
                        return -EINVAL;
                *ret = *text == '-' ? -(int)number : (int)number;
                return 0;
        }
        if (strncasecmp(text, "SIG", 3) == 0)
                text += 3;
        if (strncasecmp(text, "RTMIN", 5) == 0)
                return signal_parse_step(text + 5, '+', SIGNAL_RT_MIN_STEPS, SIGNAL_RT_MIN, ret);
        if (strncasecmp(text, "RTMAX", 5) == 0)
                return signal_parse_step(text + 5, '-', SIGNAL_RT_MAX_STEPS, SIGNAL_RT_MAX, ret);
        for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
                if (strcasecmp(text, signals[i].name) == 0) {
                        *ret = signals[i].number;
                        return 0;
                }
        return -EINVAL;
}
