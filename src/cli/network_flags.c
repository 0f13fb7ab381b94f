#include "network_flags.h"

void network_flags_done(struct network_flags *flags)
{
        strv_done(&flags->hosts);
        strv_done(&flags->dns);
}

int network_flags_parse(const struct network_flags *flags, struct network_options *ret,
                        struct error *err)
{
        int r = network_options_set_mode(ret, flags->mode, err);

        for (size_t i = 0; i < flags->hosts.count && r == 0; i++)
                r = network_options_add_host(ret, flags->hosts.items[i], err);
        for (size_t i = 0; i < flags->dns.count && r == 0; i++)
                r = network_options_add_dns(ret, flags->dns.items[i], err);
        return r;
}
