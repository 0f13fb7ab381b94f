/*
 * All commands. Private to src/cli/.
 */
#pragma once

#include "cli.h"

extern const struct command cmd_attach;
extern const struct command cmd_build;
extern const struct command cmd_cache_ls;
extern const struct command cmd_cache_prune;
extern const struct command cmd_cache_rm;
extern const struct command cmd_diff;
extern const struct command cmd_doctor;
extern const struct command cmd_export;
extern const struct command cmd_commit;
extern const struct command cmd_container_prune;
extern const struct command cmd_cp;
extern const struct command cmd_create;
extern const struct command cmd_exec;
extern const struct command cmd_history;
extern const struct command cmd_image_prune;
extern const struct command cmd_images;
extern const struct command cmd_import;
extern const struct command cmd_info;
extern const struct command cmd_inspect;
extern const struct command cmd_kill;
extern const struct command cmd_load;
extern const struct command cmd_login;
extern const struct command cmd_logout;
extern const struct command cmd_logs;
extern const struct command cmd_mount;
extern const struct command cmd_port;
extern const struct command cmd_ps;
extern const struct command cmd_pull;
extern const struct command cmd_push;
extern const struct command cmd_rename;
extern const struct command cmd_restart;
extern const struct command cmd_rm;
extern const struct command cmd_rmi;
extern const struct command cmd_run;
extern const struct command cmd_save;
extern const struct command cmd_search;
extern const struct command cmd_start;
extern const struct command cmd_stop;
extern const struct command cmd_system_df;
extern const struct command cmd_system_prune;
extern const struct command cmd_tag;
extern const struct command cmd_tags;
extern const struct command cmd_top;
extern const struct command cmd_umount;
extern const struct command cmd_version;
extern const struct command cmd_volume_create;
extern const struct command cmd_volume_inspect;
extern const struct command cmd_volume_ls;
extern const struct command cmd_volume_prune;
extern const struct command cmd_volume_rm;
extern const struct command cmd_wait;
