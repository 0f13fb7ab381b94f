/*
 * The TCP/IP stack of a private network: libslirp between a link and sockets of the host: private
 * to the network's program.
 */
#pragma once

struct stack;

/* Makes the stack. Both descriptors are borrowed. Returns 0, or -1 where libslirp makes none. */
int stack_new(int link_fd, int lifeline_fd, struct stack **ret);

/* Passes frames until the lifeline's other end is gone: then 0; -1 where the link fails before. */
int stack_run(struct stack *stack);

/* Lets a port of the host lead to one of the sandbox's: "tcp ADDRESS PORT INNER-PORT", or udp.
 * Returns 0, or -1 where it cannot be listened on. */
int stack_listen(struct stack *stack, const char *port);

void stack_free(struct stack *stack);
