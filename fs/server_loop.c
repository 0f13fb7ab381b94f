/*
 * The threads of the FUSE server: where it runs, and when it sleeps.
 *
 * Most of a message's cost is not work but waking a CPU, once for the server and once for its
 * client, above all on virtual machines. Unpacking 8,000 files takes 3.4 s with a server that
 * sleeps between requests, on two CPUs of which nobody else wants one; 1.7 s with one that keeps
 * asking for a while; 1.1 s where client and server share a CPU and no other is ever woken.
 *
 * Nobody but the step decides where its processes run. But the kernel lets a process that it wakes
 * stay where it was if nothing but a thread of policy SCHED_IDLE runs there (since Linux 5.7), and
 * the process takes the CPU at once. So there are two threads, of which one serves:
 *
 *   companion  of policy SCHED_IDLE, on the CPU where its client runs. It serves while one process
 *              after the other asks, as in most steps.
 *   leader     an ordinary thread. It serves as long as more than one process asks, or others want
 *              the CPU: then the companion would come last everywhere. While the companion serves,
 *              the leader looks at it every few milliseconds, and takes over where it gets nowhere.
 *
 * A thread cannot leave SCHED_IDLE without privilege: therefore two.
 */
#include "server_internal.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* How long the leader stays awake after a request. */
#define SPIN_NS 100000u

/* Only then does it give way: most requests follow the last reply sooner. */
#define BUSY_NS 20000u

/* Giving way takes longer than this where somebody else takes the CPU; then for how long the leader
 * sleeps between requests. */
#define YIELD_NS 200000u
#define SHARE_NS 20000000u

/* Requests without a pause of SPIN_NS before the companion is tried. */
#define STREAK 128u

/* How often the leader looks, how soon again where a client waits and no more than so much was
 * served, how many such looks in a row until it takes over, and after how many without a request it
 * sleeps too. Each look may drive the client away from its CPU. */
#define TICK_MS      20
#define TICK_LOST_MS 4
#define SERVED_LOST  16u
#define TICKS_LOST   2u
#define TICKS_IDLE   3u

/* How long the leader serves before the companion is tried again: twice as long each time, until
 * the companion has served for a second. */
#define RETRY_MIN_NS 50000000u
#define RETRY_MAX_NS 200000000u
#define SERVED_NS    1000000000u

/* Where client and companion share a CPU, the client has asked again by the time that the companion
 * goes on. So it looks where its client runs once it had to wait so often. One that has moved so
 * often in so many looks, and so few requests, is several, or the kernel is older. */
#define WAITS_MAX    3u
#define LOOKS        64u
#define LOOKS_MOVED  32u
#define LOOKS_SERVED 4096u
#define STAT_CPU     39u /* proc(5): the field of /proc/PID/stat */
#define STAT_BYTES   512u
#define STAT_SKIPPED 2u /* fields up to the name's end */

/* ---- one request ---- */

/* Answers one request. Returns 0, -EAGAIN where there is none, or -ENODEV: it is unmounted. */
static int serve_one(struct server *server, struct fuse_buf *buf)
{
        int r;

        do
                r = fuse_session_receive_buf(server->session, buf);
        while (r == -EINTR || r == -ENOENT);
        if (r <= 0)
                return r == -EAGAIN ? r : -ENODEV;
        atomic_store(&server->answering, true);
        if (!raw_answer(server, buf))
                fuse_session_process_buf(server->session, buf);
        atomic_store(&server->answering, false);
        return 0;
}

static bool is_readable(int fd)
{
        struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

        return poll(&poll_fd, 1, 0) > 0;
}

/* Sleeps until there is a request. Returns false when it is time to end. */
static bool wait_for_request(struct server *server)
{
        struct pollfd fds[] = { { .fd = server->fuse_fd, .events = POLLIN },
                                { .fd = server->stop_fd, .events = POLLIN } };

        while (poll(fds, 2, -1) < 0)
                if (errno != EINTR)
                        return false;
        return fds[1].revents == 0;
}

/* ---- the companion ---- */

/* The CPU on which a process runs or ran last; -1 where that is not shown. */
static int cpu_of(pid_t pid)
{
        char path[32], text[STAT_BYTES], *field;
        ssize_t n;
        int fd;

        snprintf(path, sizeof(path), "/proc/%d/stat", pid);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return -1;
        n = read(fd, text, sizeof(text) - 1);
        close(fd);
        text[n > 0 ? n : 0] = '\0';
        /* The second field is the name, which may hold anything. */
        field = strrchr(text, ')');
        for (unsigned i = STAT_SKIPPED; field && i < STAT_CPU; i++)
                field = strchr(field + 1, ' ');
        return field ? atoi(field) : -1;
}

/* Where the companion runs. */
struct place {
        int cpu;
        unsigned waits;
        unsigned looks;
        unsigned moves;
        unsigned served; /* in as many looks */
};

/* Goes where the client is. Returns false where that leads nowhere. */
static bool follow(struct place *place, const struct fuse_in_header *request)
{
        cpu_set_t set;
        int cpu;

        place->served++;
        /* The kernel itself asks as process 0. */
        if ((place->cpu >= 0 && place->waits < WAITS_MAX) || request->pid == 0)
                return true;
        place->waits = 0;
        if (++place->looks == LOOKS) {
                if (place->moves >= LOOKS_MOVED && place->served < LOOKS_SERVED)
                        return false;
                place->looks = place->moves = place->served = 0;
        }
        cpu = cpu_of((pid_t)request->pid);
        if (cpu < 0 || cpu >= CPU_SETSIZE)
                return false;
        if (cpu == place->cpu)
                return true;
        CPU_ZERO(&set);
        CPU_SET((unsigned)cpu, &set);
        if (sched_setaffinity(0, sizeof(set), &set) < 0)
                return false;
        place->cpu = cpu;
        place->moves++;
        return true;
}

static int confine(struct server *server, struct error *err)
{
        return server->options.confine ? server->options.confine(server->options.context, err) : 0;
}

static void *accompany(void *userdata)
{
        const struct sched_param param = { .sched_priority = 0 };
        struct server *server = userdata;
        struct fuse_buf buf = { .mem = NULL };
        struct error ignored = ERROR_INIT;
        eventfd_t woken;

        if (confine(server, &ignored) < 0 || sched_setscheduler(0, SCHED_IDLE, &param) < 0)
                return NULL;
        atomic_store(&server->companion.ready, true);
        while (eventfd_read(server->companion.wake_fd, &woken) == 0) {
                struct place place = { .cpu = -1 };

                while (atomic_load(&server->companion.serves)) {
                        int r = serve_one(server, &buf);

                        if (r == -EAGAIN) {
                                place.waits++;
                                if (!wait_for_request(server))
                                        break;
                                continue;
                        }
                        atomic_fetch_add(&server->companion.served, 1);
                        if (r == -ENODEV || !follow(&place, buf.mem))
                                break;
                }
                atomic_store(&server->companion.serves, false);
                if (atomic_load(&server->companion.ends))
                        break;
        }
        free(buf.mem);
        return NULL;
}

/* ---- the leader ---- */

struct leader {
        bool spins;            /* there is more than one CPU to run on */
        uint64_t last_ns;      /* the last request */
        uint64_t shared_until; /* somebody else has work for this CPU */
        unsigned streak;
        uint64_t retry_at;
        uint64_t retry_ns;
};

/* Lets a moment pass. Returns false when it is time to sleep. */
static bool spin(struct leader *leader)
{
        uint64_t before, after;

        if (!leader->spins)
                return false;
        before = clock_monotonic_ns();
        if (before - leader->last_ns >= SPIN_NS) {
                leader->streak = 0;
                return false;
        }
        if (before < leader->shared_until)
                return false;
        if (before - leader->last_ns < BUSY_NS)
                return true;
        sched_yield();
        after = clock_monotonic_ns();
        if (after - before > YIELD_NS)
                leader->shared_until = after + SHARE_NS;
        return true;
}

/* Lets the companion serve. Returns true when the leader shall, false when it is time to end. */
static bool watch(struct server *server)
{
        struct companion *companion = &server->companion;
        struct pollfd stop = { .fd = server->stop_fd, .events = POLLIN };
        unsigned served = atomic_load(&companion->served), lost = 0, idle = 0;
        bool goes_on = true;

        atomic_store(&companion->serves, true);
        eventfd_write(companion->wake_fd, 1);
        while (goes_on && lost < TICKS_LOST && atomic_load(&companion->serves)) {
                unsigned now;
                bool waits;

                if (poll(&stop, 1, lost > 0 ? TICK_LOST_MS : TICK_MS) > 0)
                        goes_on = false;
                now = atomic_load(&companion->served);
                waits = atomic_load(&server->answering) || is_readable(server->fuse_fd);
                lost = waits && now - served <= SERVED_LOST ? lost + 1 : 0;
                idle = !waits && now == served ? idle + 1 : 0;
                if (idle == TICKS_IDLE) {
                        goes_on = wait_for_request(server);
                        idle = 0;
                }
                served = now;
        }
        atomic_store(&companion->serves, false);
        return goes_on;
}

/* Whether the companion is worth a try. */
static bool is_streak(const struct server *server, struct leader *leader, uint64_t now)
{
        if (now - leader->last_ns >= SPIN_NS)
                leader->streak = 0;
        leader->last_ns = now;
        return ++leader->streak >= STREAK && now >= leader->retry_at &&
               atomic_load(&server->companion.ready);
}

static bool start_seeker(struct server *server)
{
        int r = seek_start(server);

        if (r < 0)
                error_set_errno(&server->failure, r, "cannot start the filesystem's thread");
        return r == 0;
}

static void *lead(void *userdata)
{
        struct server *server = userdata;
        struct fuse_buf buf = { .mem = NULL };
        struct leader leader = { .spins = server->companion.started, .retry_ns = RETRY_MIN_NS };
        bool goes_on = confine(server, &server->failure) == 0 && start_seeker(server);

        sem_post(&server->begun);
        while (goes_on) {
                int r = serve_one(server, &buf);
                uint64_t began, now;

                if (r == -ENODEV)
                        break;
                if (r == -EAGAIN) {
                        goes_on = spin(&leader) || wait_for_request(server);
                        continue;
                }
                began = clock_monotonic_ns();
                if (!is_streak(server, &leader, began))
                        continue;
                goes_on = watch(server);
                now = clock_monotonic_ns();
                if (now - began >= SERVED_NS)
                        leader.retry_ns = RETRY_MIN_NS;
                else if (leader.retry_ns < RETRY_MAX_NS)
                        leader.retry_ns *= 2;
                leader.retry_at = now + leader.retry_ns;
                leader.streak = 0;
        }
        free(buf.mem);
        return NULL;
}

/* ---- both ---- */

static bool has_several_cpus(void)
{
        cpu_set_t set;

        return sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 1;
}

/* The companion is not needed: without it the leader serves alone. */
static void start_companion(struct server *server)
{
        struct companion *companion = &server->companion;

        companion->wake_fd = eventfd(0, EFD_CLOEXEC);
        if (companion->wake_fd >= 0)
                companion->started =
                        pthread_create(&companion->thread, NULL, accompany, server) == 0;
}

int server_loop_start(struct server *server, struct error *err)
{
        int r;

        if (has_several_cpus())
                start_companion(server);
        r = -pthread_create(&server->thread, NULL, lead, server);
        server->started = r == 0;
        if (r < 0)
                return error_set_errno(err, r, "cannot start the filesystem's thread");
        while (sem_wait(&server->begun) < 0)
                continue;
        if (error_is_set(&server->failure))
                *err = server->failure;
        return server->failure.code;
}

void server_loop_stop(struct server *server)
{
        struct companion *companion = &server->companion;

        seek_stop(server);
        if (server->stop_fd >= 0)
                eventfd_write(server->stop_fd, 1);
        if (server->started)
                pthread_join(server->thread, NULL);
        if (companion->started) {
                atomic_store(&companion->ends, true);
                eventfd_write(companion->wake_fd, 1);
                pthread_join(companion->thread, NULL);
        }
        if (companion->wake_fd >= 0)
                close(companion->wake_fd);
}
