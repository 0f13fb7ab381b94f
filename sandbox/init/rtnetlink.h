/*
 * Interfaces, addresses and routes, by messages of rtnetlink(7): private to the helper.
 */
#pragma once

#include <linux/netlink.h>
#include <stddef.h>
#include <stdint.h>

/* One request: begin it, add attributes, send it. The few there are fit. */
struct rtnetlink_request {
        struct nlmsghdr header;
        char body[512];
};

/* Returns a descriptor or a negative errno. It is bound to the network namespace of this moment. */
int rtnetlink_open(void);

/* `family_header` is the struct that the type has, as `struct ifinfomsg`. */
void rtnetlink_begin(struct rtnetlink_request *request, uint16_t type, uint16_t flags,
                     const void *family_header, size_t len);
void rtnetlink_add(struct rtnetlink_request *request, uint16_t type, const void *data, size_t len);

/* What is added between the two lies inside of one attribute. */
size_t rtnetlink_nest(struct rtnetlink_request *request, uint16_t type);
void rtnetlink_unnest(struct rtnetlink_request *request, size_t nest);

/* Sends it and waits for the answer. Returns 0 or a negative errno. */
int rtnetlink_send(int fd, struct rtnetlink_request *request);
