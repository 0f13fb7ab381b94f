/*
 * A command that changes the store works in a process of its own, which this one waits for. So
 * whatever ends the work - Ctrl-C, a fault, a kill - there is somebody left who ends what it has
 * begun: processes below it die with it (each asks for that when it starts; those that do not, as
 * git, are of the worker's group) and come to this one as their reaper; then nobody uses what they
 * had in the store's tmp/, and it is removed.
 */
#include "cli.h"

#include "base/io.h"
#include "store/images.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void add_unless_ignored(sigset_t *set, int number)
{
        struct sigaction action;

        if (sigaction(number, NULL, &action) < 0 || action.sa_handler != SIG_IGN)
                sigaddset(set, number);
}

static void add_signals(sigset_t *set)
{
        sigaddset(set, SIGCHLD);
        sigaddset(set, SIGINT);
        sigaddset(set, SIGTERM);
        /* nohup. A shell script ignores SIGINT too, for what it starts in the background, but then
         * nobody sends one who does not mean it. */
        add_unless_ignored(set, SIGHUP);
        add_unless_ignored(set, SIGTSTP);
}

/* In the child. It leaves the terminal: what is to be done about Ctrl-C and Ctrl-Z the other
 * process decides. Steps stay in its session then, which makes their filesystem faster
 * (sandbox/init/step.c). */
static void become_worker(pid_t parent, const sigset_t *old_mask)
{
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
                _exit(EXIT_FAILURE);
        setsid();
        sigprocmask(SIG_SETMASK, old_mask, NULL);
}

/* Ctrl-Z, and then fg. */
static void stop_with_worker(pid_t worker)
{
        kill(-worker, SIGSTOP);
        raise(SIGSTOP);
        kill(-worker, SIGCONT);
}

/* Waits for the worker and all that it has left behind. Returns the signal that has come to this
 * process meanwhile, or 0. */
static int wait_for_worker(pid_t worker, const sigset_t *set, int *ret_status)
{
        int interrupted = 0, status, number;
        bool lives = true;
        pid_t pid;

        while (lives) {
                number = sigwaitinfo(set, NULL);
                if (number == SIGTSTP) {
                        stop_with_worker(worker);
                } else if (number > 0 && number != SIGCHLD) {
                        interrupted = number;
                        kill(worker, SIGKILL);
                }
                while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
                        if (pid == worker) {
                                lives = false;
                                *ret_status = status;
                        }
        }
        kill(-worker, SIGKILL);
        while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
                ;
        return interrupted;
}

static int tell_end(int interrupted, int status)
{
        struct error err = ERROR_INIT;

        if (WIFEXITED(status))
                return WEXITSTATUS(status);
        if (interrupted) {
                error_set(&err, -EINTR, "interrupted; what was begun is thrown away");
                return cli_fail(&err, 128 + interrupted);
        }
        error_set(&err, -ECHILD,
                  "the work was ended by signal %d (%s); what was begun is thrown away",
                  WTERMSIG(status), strsignal(WTERMSIG(status)));
        if (WTERMSIG(status) == SIGKILL)
                error_hint(&err, "Memory may have run out: `dmesg` or the job's log tells.");
        return cli_fail(&err, EXIT_FAILURE);
}

bool cli_guard(struct store *store, const char *const *leftovers, int *ret_status)
{
        struct error err = ERROR_INIT;
        pid_t parent = getpid(), worker;
        int status = 0, interrupted;
        sigset_t set, old_mask;

        sigemptyset(&set);
        add_signals(&set);
        sigprocmask(SIG_BLOCK, &set, &old_mask);
        prctl(PR_SET_CHILD_SUBREAPER, 1);
        worker = fork();
        if (worker == 0) {
                become_worker(parent, &old_mask);
                return true;
        }
        if (worker < 0) {
                error_set_errno(&err, -errno, "cannot start a process");
                *ret_status = cli_fail(&err, EXIT_FAILURE);
        } else {
                interrupted = wait_for_worker(worker, &set, &status);
                if (!WIFEXITED(status)) {
                        for (size_t i = 0; leftovers && leftovers[i]; i++)
                                io_remove_tree(AT_FDCWD, leftovers[i], &err);
                        store_sweep(store);
                        store_abandon(store);
                }
                *ret_status = tell_end(interrupted, status);
        }
        store_free(store);
        return false;
}
