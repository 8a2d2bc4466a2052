/*
 * The control socket. Takes connections, bounded in number, size and time; reads one request each,
 * has it run, writes the answer. Driven by the daemon's loop: it never blocks and owns no thread.
 * The file is mode 0660: who may open it may work tickets, and is named in the audit by his user.
 */
#ifndef MW_CONTROLPLANE_CTL_SERVER_H
#define MW_CONTROLPLANE_CTL_SERVER_H

#include <poll.h>

#include "controlplane/ctl/command.h"

#define MW_SERVER_CLIENTS_MAX 64
#define MW_SERVER_IDLE_MS     30000 /* to deliver a request, or to take the next part of an answer */

struct mw_server;

/* NULL with a sentence. A socket file nobody listens on is replaced, a living daemon's is not. */
struct mw_server *mw_server_start(
	struct mw_ctl *ctl, const char *path, char *error, size_t error_size);
/* What to wait for; how many entries were written (at most MW_SERVER_CLIENTS_MAX + 1). */
size_t mw_server_poll(const struct mw_server *server, struct pollfd *out);
/* After poll(): the same entries. `now_ms` is monotonic, `now_s` UTC. */
void mw_server_run(struct mw_server *server, const struct pollfd *polled, size_t count,
	uint64_t now_ms, uint64_t now_s);
/* From a job: a word of progress, or the answer itself (whose `out` is taken over). A client that
 * has gone is no error. */
void mw_server_progress(struct mw_server *server, uint64_t client, const char *text);
void mw_server_reply(struct mw_server *server, uint64_t client, struct mw_reply *reply);
void mw_server_stop(struct mw_server *server); /* NULL is allowed; removes the file */

#endif
