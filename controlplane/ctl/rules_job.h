/*
 * Compiling rules beside the daemon: in a child process (this program again, with --compile-rules),
 * so that neither its memory nor its time nor a crash in a pattern library touches the desk's work.
 * What it makes becomes the next generation; on any error the rules in force stay. One job at a
 * time.
 */
#ifndef MW_CONTROLPLANE_CTL_RULES_JOB_H
#define MW_CONTROLPLANE_CTL_RULES_JOB_H

#include "controlplane/ctl/server.h"

struct mw_rules_request {
	const char *const *paths;
	size_t count;
	uint64_t client; /* 0: nobody waits */
	bool json;
	bool by_hand; /* else the settings ask for it */
	const char *actor;
};

/* `program`: the path of this program. NULL: no memory. */
struct mw_rules_job *mw_rules_job_new(const char *program, const char *state_dir);
/* 0, -EBUSY while one runs, other negative errno; with a sentence. */
int mw_rules_job_start(struct mw_rules_job *job, const struct mw_rules_request *request,
	char *error, size_t error_size);
/* The other job: the replay reads a capture of one message and its finding is the answer. */
int mw_rules_job_test(struct mw_rules_job *job, const char *replay, const char *ruleset,
	const char *capture, uint64_t client, bool json, char *error, size_t error_size);
/* To wait for; -1 when none runs. */
int mw_rules_job_fd(const struct mw_rules_job *job);
/* Readable: takes progress; at the end puts the rules in force and answers. */
void mw_rules_job_run(
	struct mw_rules_job *job, struct mw_ctl *ctl, struct mw_server *server, uint64_t now_s);
/* "" when nothing is to be said, else "compiling: ..." or what went wrong last. */
const char *mw_rules_job_state(const struct mw_rules_job *job);
void mw_rules_job_free(struct mw_rules_job *job); /* ends a running child; NULL is allowed */

/* The child's part: compiles and tells on standard output. The exit code of the process. */
int mw_rules_job_child(
	const char *out_path, const char *cache_dir, const char *const *paths, size_t count);

#endif
