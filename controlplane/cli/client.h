/*
 * One request over the control socket and its answer: the language of controlplane/ctl/wire.h.
 * Knows nothing of what is asked.
 */
#ifndef MW_CONTROLPLANE_CLI_CLIENT_H
#define MW_CONTROLPLANE_CLI_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

struct mw_client_request {
	const char *socket_path;
	size_t argc;
	const char *const *argv; /* NOUN VERB ... */
	bool json;
	const char *as; /* NULL: the name of the user */
	const char *data;
	size_t data_len;
	bool progress; /* show it, on stderr */
};

/* Prints what the daemon answers: its output on stdout, its sentence on stderr. The exit code. */
int mw_client_ask(const struct mw_client_request *request);

#endif
