/*
 * old-kernel COMMAND [ARGUMENT]...: executes the command as if the kernel were Linux 4.18, for the
 * tests: calls that came later are answered ENOSYS. Root only, so that setuid programs still work.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

/* rseq, the last of 4.18. From here on numbers are alike on x86_64 and arm64, once above 424. */
#define LAST_CALL 334

int main(int argc, char **argv)
{
        struct sock_filter code[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, LAST_CALL, 0, 1),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        const struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

        if (argc < 2 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) {
                perror("old-kernel");
                return 125;
        }
        execvp(argv[1], argv + 1);
        perror(argv[1]);
        return 127;
}
