#include "rtnetlink.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int rtnetlink_open(void)
{
        int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

        return fd < 0 ? -errno : fd;
}

static void append(struct rtnetlink_request *request, const void *data, size_t len)
{
        memcpy((char *)request + request->header.nlmsg_len, data, len);
        request->header.nlmsg_len += (uint32_t)NLMSG_ALIGN(len);
}

void rtnetlink_begin(struct rtnetlink_request *request, uint16_t type, uint16_t flags,
                     const void *family_header, size_t len)
{
        memset(request, 0, sizeof(*request));
        request->header = (struct nlmsghdr){
                .nlmsg_len = NLMSG_HDRLEN,
                .nlmsg_type = type,
                .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags),
        };
        append(request, family_header, len);
}

void rtnetlink_add(struct rtnetlink_request *request, uint16_t type, const void *data, size_t len)
{
        struct rtattr attribute = { .rta_len = (uint16_t)RTA_LENGTH(len), .rta_type = type };

        append(request, &attribute, sizeof(attribute));
        append(request, data, len);
}

size_t rtnetlink_nest(struct rtnetlink_request *request, uint16_t type)
{
        size_t nest = request->header.nlmsg_len;

        rtnetlink_add(request, type, "", 0);
        return nest;
}

void rtnetlink_unnest(struct rtnetlink_request *request, size_t nest)
{
        uint16_t len = (uint16_t)(request->header.nlmsg_len - nest);

        memcpy((char *)request + nest + offsetof(struct rtattr, rta_len), &len, sizeof(len));
}

int rtnetlink_send(int fd, struct rtnetlink_request *request)
{
        struct {
                struct nlmsghdr header;
                struct nlmsgerr error;
                char rest[sizeof(struct rtnetlink_request)]; /* the request comes back with it */
        } answer;
        ssize_t n;

        if (send(fd, request, request->header.nlmsg_len, 0) < 0)
                return -errno;
        do {
                n = recv(fd, &answer, sizeof(answer), 0);
        } while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        if ((size_t)n < sizeof(answer.header) + sizeof(answer.error) ||
            answer.header.nlmsg_type != NLMSG_ERROR)
                return -EBADMSG;
        return answer.error.error;
}
