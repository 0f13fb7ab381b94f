#include "commands.h"

const struct command *const cli_commands[] = {
        &cmd_build,     &cmd_run,
        &cmd_exec,      &cmd_ps,
        &cmd_logs,      &cmd_attach,
        &cmd_start,     &cmd_stop,
        &cmd_restart,   &cmd_kill,
        &cmd_wait,      &cmd_rm,
        &cmd_commit,    &cmd_cp,
        &cmd_port,      &cmd_volume_create,
        &cmd_volume_ls, &cmd_volume_inspect,
        &cmd_volume_rm, &cmd_volume_prune,
        &cmd_pull,      &cmd_push,
        &cmd_images,    &cmd_inspect,
        &cmd_history,   &cmd_tag,
        &cmd_rmi,       &cmd_image_prune,
        &cmd_load,      &cmd_import,
        &cmd_save,      &cmd_export,
        &cmd_diff,      &cmd_login,
        &cmd_logout,    &cmd_tags,
        &cmd_search,    &cmd_cache_ls,
        &cmd_cache_rm,  &cmd_cache_prune,
        &cmd_system_df, &cmd_system_prune,
        &cmd_doctor,    &cmd_info,
        &cmd_version,   NULL,
};

const char *const cli_version = VARVE_VERSION;
